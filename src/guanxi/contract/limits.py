"""Every limit of the service, in one table, each with its source; and the two profiles.

``documented`` answers as the documents say, so that a client can be tested against it; ``open`` is
for your own product: the same rules without the header rule, with wider limits, with cursors, and
with a default of what only the documents require.
"""

from __future__ import annotations

from typing import Annotated, get_type_hints

from msgspec import Meta, Struct
from msgspec.structs import replace


def _limit(source: str) -> Meta:
    return Meta(ge=1, le=2**31 - 1, description=source)


#: A limit that means "all".
ALL = 2**31 - 1


class Caps(Struct, frozen=True, kw_only=True):
    """The limits that a store applies inside its transaction."""

    #: How many followings and groups an account may have.
    following: int
    groups: int
    #: The most characters of a group's name.
    group_name: int
    #: Whether a follow of an account that approves its followers makes a request. If not, it is
    #: refused.
    requests: bool = False


class Limits(Struct, frozen=True, kw_only=True):
    """All limits of a service; the defaults are those of the documents."""

    page_size: Annotated[int, _limit("ours: `ps` up to 100, larger answers -400")] = 100
    ids_per_call: Annotated[int, _limit("user reports: ids in one batch call")] = 50
    following_cap: Annotated[int, _limit("user reports: followings an account may have")] = 3_000
    own_followings: Annotated[int, _limit("004, 查询用户关注明细: all visible to the owner")] = ALL
    others_followings: Annotated[
        int, _limit("004, 查询用户关注明细: the first 100 of another's")
    ] = 100
    followers: Annotated[
        int, _limit("004, 查询用户粉丝明细: the first 1000, also to the owner")
    ] = 1_000
    app_pages: Annotated[int, _limit("004, 查询用户关注明细2: 5 pages, then 22007")] = 5
    search_pages: Annotated[int, _limit("004, 搜索关注明细: 5 pages, then 22007")] = 5
    searched: Annotated[
        int, _limit("ours: a search examines so many followings, the newest; cursors reach no more")
    ] = 20_000
    unpaged: Annotated[int, _limit("004, 查询互相关注明细: friends are all visible")] = ALL
    attentions: Annotated[int, _limit("000, 001, get_all_followings: all mids at once")] = ALL
    group_name: Annotated[int, _limit("004, 创建分组: characters in a group's name")] = 16
    groups: Annotated[int, _limit("ours: groups an account may have; one more answers -400")] = 200
    fields: Annotated[
        int, _limit("ours: fields of a query or urlencoded form; more answer HTTP 400")
    ] = 100
    cookies: Annotated[
        int, _limit("ours: cookies of a request, of which browsers keep 180; more answer HTTP 400")
    ] = 200
    body_bytes: Annotated[int, _limit("ours: a form's size; larger answers HTTP 413")] = 65_536
    parts: Annotated[int, _limit("ours: parts of a multipart form; more answer HTTP 413")] = 100
    part_headers: Annotated[int, _limit("ours: header lines of a part; more answer HTTP 413")] = 8
    part_header_bytes: Annotated[
        int, _limit("ours: bytes of a part's header line; more answer HTTP 413")
    ] = 1_024
    nickname_least: Annotated[int, _limit("000, check_nickname: characters, at least")] = 2
    nickname: Annotated[int, _limit("000, check_nickname: characters in a nickname")] = 16
    signature: Annotated[int, _limit("000, edit_self_info: characters in a signature")] = 70
    notice: Annotated[int, _limit("000, set_space_notice: characters in a notice")] = 150
    toview: Annotated[int, _limit("000, get_toview_list: videos that it returns")] = 100
    masterpieces: Annotated[int, _limit("000, get_masterpiece: videos that it returns")] = 3
    feed_page: Annotated[int, _limit("ours: dynamics in one response")] = 12
    opus_page: Annotated[int, _limit("000, get_opus: picture posts in one response")] = 20
    qr_seconds: Annotated[int, _limit("user reports: seconds until a QR code expires")] = 180
    session_days: Annotated[int, _limit("ours: a session ends this many days after sign-in")] = 180
    sessions: Annotated[int, _limit("ours: sessions of an account; one more closes the oldest")] = (
        100
    )

    @property
    def caps(self) -> Caps:
        """Return the limits that a store applies."""
        return Caps(following=self.following_cap, groups=self.groups, group_name=self.group_name)


class Profile(Struct, frozen=True, kw_only=True):
    """How strictly a service follows the documents: its limits and its other rules."""

    name: str
    limits: Limits
    #: On followers and followings, a foreign Referer or a User-Agent with "python" answers -352.
    header_rule: bool
    #: Tag and special of other accounts are shown where 004's examples show them.
    shows_groups: bool
    #: Every list accepts ``cursor`` and returns ``data.cursor``.
    cursors: bool
    #: A follow of an account that approves its followers makes a request.
    requests: bool
    #: Values of parameters that the documents require and this profile does not, as sent.
    defaults: dict[str, str] = {}

    @property
    def caps(self) -> Caps:
        """Return the limits that a store applies."""
        return replace(self.limits.caps, requests=self.requests)


DOCUMENTED = Profile(
    name="documented",
    limits=Limits(),
    header_rule=True,
    shows_groups=True,
    cursors=False,
    requests=False,
)

OPEN = Profile(
    name="open",
    limits=Limits(
        following_cap=1_000_000,
        own_followings=10_000,
        others_followings=10_000,
        followers=10_000,
        app_pages=200,
        search_pages=200,
        unpaged=10_000,
        attentions=10_000,
    ),
    header_rule=False,
    shows_groups=False,
    cursors=True,
    requests=True,
    defaults={"re_src": "11"},
)

PROFILES = {profile.name: profile for profile in (DOCUMENTED, OPEN)}


def limit_sources() -> dict[str, str]:
    """Return the description of each limit, which names its source, by limit name."""
    hints = get_type_hints(Limits, include_extras=True)
    return {name: hint.__metadata__[0].description for name, hint in hints.items()}
