"""The data of responses, by area. Wire names are given here and nowhere else.

Every field but an identity has a default, so that an answer which leaves one out still reads;
what the documents call "only when" is ``UNSET`` when it is not there. Times are seconds unless the
name says otherwise. What no document describes is ``Loose``. A new area is a module here and a
line below.
"""

from guanxi.contract.structs.account import *
from guanxi.contract.structs.dynamic import *
from guanxi.contract.structs.login import *
from guanxi.contract.structs.me import *
from guanxi.contract.structs.profile import *
from guanxi.contract.structs.relation import *
from guanxi.contract.structs.space import *
from guanxi.contract.structs.video import *
from guanxi.contract.structs.web import *
