"""Map each endpoint to its handler, its decoder and the fields that it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Body, Does, Endpoint
from guanxi.contract.limits import Profile
from guanxi.contract.params import decoder, defaults, may_be_empty, wire_types
from guanxi.service import auth
from guanxi.service.answers import CONTENT_TYPE
from guanxi.service.handlers import (
    account,
    login,
    me,
    me_history,
    relation_acts,
    relation_groups,
    relation_lists,
    space,
    space_channels,
    space_feed,
    space_works,
    web,
)
from guanxi.service.handling import Handler, WithCookies

HANDLERS: dict[str, Handler | WithCookies] = {
    e.FOLLOWERS.name: relation_lists.followers,
    e.FOLLOWINGS.name: relation_lists.followings,
    e.APP_FOLLOWINGS.name: relation_lists.app_followings,
    e.GAME_FOLLOWINGS.name: relation_lists.game_followings,
    e.SEARCH.name: relation_lists.search,
    e.SAME.name: relation_lists.same,
    e.WHISPERS.name: relation_lists.whispers,
    e.FRIENDS.name: relation_lists.friends,
    e.BLACKS.name: relation_lists.blacks,
    e.MODIFY.name: relation_acts.modify,
    e.BATCH_MODIFY.name: relation_acts.batch_modify,
    e.RELATION.name: relation_acts.relation,
    e.MUTUAL.name: relation_acts.mutual,
    e.LEGACY_MUTUAL.name: relation_acts.legacy_mutual,
    e.RELATIONS.name: relation_acts.relations,
    e.GROUPS.name: relation_groups.groups,
    e.GROUP_MEMBERS.name: relation_lists.group_members,
    e.GROUPS_OF.name: relation_groups.groups_of,
    e.SPECIALS.name: relation_lists.specials,
    e.CREATE_GROUP.name: relation_groups.create_group,
    e.RENAME_GROUP.name: relation_groups.rename_group,
    e.DELETE_GROUP.name: relation_groups.delete_group,
    e.SET_MEMBERS.name: relation_groups.set_members,
    e.COPY_MEMBERS.name: relation_groups.copy_members,
    e.MOVE_MEMBERS.name: relation_groups.move_members,
    e.STAT.name: relation_acts.stat,
    e.NAV.name: web.nav,
    e.BUVID.name: web.buvid,
    e.DEVICE_REPORT.name: web.device_report,
    e.ATTENTIONS.name: relation_lists.attentions,
    e.CARD_BY_MID.name: web.card_by_mid,
    e.SPACE_PAGE.name: space.page,
    e.SPACE_INFO.name: space.info,
    e.OVERVIEW.name: space.overview,
    e.UP_STAT.name: space.up_stat,
    e.SPACE_NOTICE.name: space.notice,
    e.RESERVATIONS.name: space.reservations,
    e.SUPPORTERS.name: space.supporters,
    e.LIKE_EFFECT.name: space.like_effect,
    e.MEDALS.name: space.medals,
    e.FOLLOWED_TAGS.name: space.tags,
    e.FOLLOWED_BANGUMI.name: space.bangumi,
    e.VIDEOS.name: space_works.videos,
    e.MEDIA_LIST.name: space_works.media_list,
    e.TOP_VIDEO.name: space_works.top_video,
    e.MASTERPIECES.name: space_works.masterpieces,
    e.AUDIOS.name: space_works.audios,
    e.ARTICLES.name: space_works.articles,
    e.ARTICLE_LISTS.name: space_works.article_lists,
    e.ALBUMS.name: space_works.albums,
    e.COURSES.name: space_works.courses,
    e.CHANNELS.name: space_channels.channels,
    e.LEGACY_CHANNELS.name: space_channels.channels,
    e.SEASON_VIDEOS.name: space_channels.season_videos,
    e.LEGACY_SEASON_VIDEOS.name: space_channels.season_videos,
    e.SERIES_VIDEOS.name: space_channels.series_videos,
    e.SEASON.name: space_channels.season,
    e.SERIES.name: space_channels.series,
    e.DYNAMICS.name: space_feed.dynamics,
    e.OLD_DYNAMICS.name: space_feed.old_dynamics,
    e.OPUS.name: space_feed.opus,
    e.MY_INFO.name: me.info,
    e.EDIT.name: me.edit,
    e.SET_NOTICE.name: me.set_notice,
    e.COINS.name: WithCookies(me.coins),
    e.EXPERIENCE_LOG.name: me.experience_log,
    e.MORAL_LOG.name: me.moral_log,
    e.LOGIN_LOG.name: me.login_log,
    e.JURY.name: me.jury,
    e.EVENTS.name: me.events,
    e.FAN_REPORT.name: me.fan_report,
    e.HISTORY.name: me_history.history,
    e.HISTORY_CURSOR.name: me_history.history_cursor,
    e.TOVIEW.name: me_history.toview,
    e.CLEAR_TOVIEW.name: me_history.clear_toview,
    e.DELETE_VIEWED.name: me_history.delete_viewed,
    e.NOTES.name: me_history.notes,
    e.PUBLIC_NOTES.name: me_history.public_notes,
    e.QR_GENERATE.name: login.qr_generate,
    e.QR_POLL.name: login.qr_poll,
    e.COOKIE_INFO.name: WithCookies(login.cookie_info),
    e.CORRESPOND.name: WithCookies(login.correspond),
    e.COOKIE_REFRESH.name: WithCookies(login.cookie_refresh),
    e.CONFIRM_REFRESH.name: WithCookies(login.confirm_refresh),
    e.NAME_TO_UID.name: account.name_to_uid,
    e.LEGACY_NAME_TO_UID.name: account.name_to_uid,
    e.CHECK_NICKNAME.name: account.check_nickname,
}


#: Checks of decoded parameters that their types do not make; they raise InvalidParameter. A handler
#: is called after the check of the caller's state, which comes after all of these.
_CHECKS: dict[str, Callable[[Any], None]] = {
    e.MODIFY.name: relation_acts.check_act,
    e.EDIT.name: me.check_birthday,
}


#: The data of -102, where it has any, from the parameters.
_BANNED_DATA: dict[str, Callable[[Any], bytes]] = {
    e.BATCH_MODIFY.name: relation_acts.all_failed,
}


class Route(Struct, frozen=True):
    """An endpoint with its handler and the way to read its requests."""

    endpoint: Endpoint
    decode: Callable[[dict[str, str]], Any]
    handler: Handler | WithCookies
    #: The fields that it reads, aliases included; none may occur twice.
    known: frozenset[str]
    #: The fields that may be empty. Any other empty field counts as absent.
    blank: frozenset[str]
    reads_form: bool
    #: See ``Endpoint``: these are kept because each request looks at them.
    is_write: bool
    is_jsonp: bool
    space_owner: str
    #: The headers for the content of a response of code 0.
    content_type: tuple[tuple[bytes, bytes], ...]
    #: Returns the data of -102.
    banned_data: Callable[[Any], bytes]


def routes(profile: Profile) -> dict[tuple[str, str], Route]:
    """Return every endpoint's route by (method, path); a path may have parameters in braces.

    ``profile`` sets the limits, the defaults of parameters that are required otherwise, and whether
    the field ``cursor`` is known.
    """
    return {(endpoint.method, endpoint.path): _route(endpoint, profile) for endpoint in e.ENDPOINTS}


def _route(endpoint: Endpoint, profile: Profile) -> Route:
    known = _known(endpoint, profile)
    return Route(
        endpoint,
        _decoder(endpoint, profile),
        HANDLERS[endpoint.name],
        known,
        may_be_empty(endpoint.params),
        endpoint.method == "POST" and not endpoint.ignores_body,
        endpoint.does is Does.WRITE,
        endpoint.body is Body.JSONP,
        endpoint.space_owner,
        CONTENT_TYPE[endpoint.body],
        _BANNED_DATA.get(endpoint.name, _no_data),
    )


def _no_data(_params: Any) -> bytes:
    return b""


def _known(endpoint: Endpoint, profile: Profile) -> frozenset[str]:
    fields = auth.fields_of(endpoint) | wire_types(endpoint.params).keys() | endpoint.aliases.keys()
    return fields if profile.cursors else fields - {"cursor"}


def _decoder(endpoint: Endpoint, profile: Profile) -> Callable[[dict[str, str]], Any]:
    """Return a function that decodes an endpoint's fields, text by name, and checks its ``params``.

    It raises InvalidParameter. A parameter that has a default in the profile may be absent or
    empty. The default page size is at most ``limits.page_size``.
    """
    limits, params = profile.limits, wire_types(endpoint.params)
    decode = decoder(endpoint.params, endpoint.aliases, limits)
    if endpoint.name in _CHECKS:
        decode = _checked(decode, _CHECKS[endpoint.name])
    given = {name: text for name, text in profile.defaults.items() if name in params}
    if defaults(endpoint.params).get("ps", 0) > limits.page_size:
        given["ps"] = str(limits.page_size)
    if not given:
        return decode

    def decode_with_defaults(values: dict[str, str]) -> Any:
        absent = {name: text for name, text in given.items() if not values.get(name)}
        return decode({**values, **absent} if absent else values)

    return decode_with_defaults


def _checked(
    decode: Callable[[dict[str, str]], Any], check: Callable[[Any], None]
) -> Callable[[dict[str, str]], Any]:
    """Return ``decode``, followed by a check of what it returns."""

    def decode_and_check(values: dict[str, str]) -> Any:
        params = decode(values)
        check(params)
        return params

    return decode_and_check
