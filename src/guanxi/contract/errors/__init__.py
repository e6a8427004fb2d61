"""The codes a server may answer, and the exceptions a caller may catch.

    ApiException                              every error that guanxi raises itself
    ├── ResponseCodeException                 the server answered a code other than 0
    │   ├── NotSignedIn                -101
    │   ├── AccountBanned              -102
    │   ├── CsrfFailed                 -111
    │   ├── NothingChanged             -304
    │   ├── RequestIntercepted         -352   stop: the server demands it
    │   ├── BadRequest                 -400
    │   ├── AccessDenied               -403   a missing, wrong or stale signature
    │   ├── NotFound                   -404
    │   ├── RequestBanned              -412   stop: the server demands it
    │   ├── ServiceUnavailable         -503   nothing was done: try again
    │   ├── DeadlineExceeded           -504   may have been done: read before repeating
    │   ├── TooManyRequests            -799   slow down
    │   ├── NicknameTaken              2001
    │   ├── CannotTargetSelf          22001
    │   ├── FollowRefused             22002
    │   ├── TargetInBlacklist         22003
    │   ├── PageTooDeep               22007
    │   ├── FollowingLimitReached     22009
    │   ├── AccountDeregistered       22013
    │   ├── AlreadyFollowing          22014
    │   ├── DailyFollowLimitReached   22015   stop: the next day works
    │   ├── GroupNameTooLong          22103
    │   ├── NoSuchGroup               22104
    │   ├── NotFollowing              22105
    │   ├── GroupExists               22106
    │   ├── FollowingsHidden          22115
    │   ├── FollowersHidden           22118
    │   ├── AlreadyBlocked            22120
    │   ├── NicknameSensitive         40002
    │   ├── NicknameIllegal           40004
    │   ├── NicknameTooLong           40005
    │   ├── NicknameTooShort          40006
    │   ├── NicknameExists            40014
    │   ├── SignatureSensitive        40015
    │   ├── SignatureHasEmoji         40021
    │   ├── SignatureTooLong          40022
    │   ├── NoSuchUser                40061
    │   ├── HiddenByPrivacy           53013
    │   ├── NoTopVideo                53016
    │   ├── RefreshRefused            86095
    │   ├── SupportNotOpen            88214
    │   └── ParameterMissing       72000000
    ├── NetworkException                      no response, or an HTTP status other than 200
    │   └── TimeoutException                  the call's time is over
    ├── AnswerException                       a response that violates the contract
    │   └── AnswerTooLargeException           of more bytes than the client reads
    ├── ForkedException                       a client of before a fork; also a RuntimeError
    ├── ListIncomplete                        a list has more than its server shows
    ├── WbiRetryTimesExceedException          -403 again after fresh keys
    ├── CookiesRefreshException               the cookies could not be refreshed
    ├── InitialStateException                 a page without its data
    ├── ArgsException                         an invalid argument or setting; also a ValueError
    │   ├── MistypedArgsException             of a wrong type, or missing; also a TypeError
    │   └── StatementException                of a function whose document names this class
    └── CredentialException                   a call needs a part that the credential lacks
        ├── CredentialNoSessdataException
        ├── CredentialNoBiliJctException
        ├── CredentialNoBuvid3Exception
        ├── CredentialNoBuvid4Exception
        ├── CredentialNoDedeUserIDException
        └── CredentialNoAcTimeValueException

``CODES`` maps each code to its exception class, which also declares the message on the wire, the
meaning and the document it comes from.
"""

from guanxi.contract.errors.codes import *
from guanxi.contract.errors.failures import *
