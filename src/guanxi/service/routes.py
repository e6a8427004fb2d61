"""Which handler answers which endpoint, and what a request to it is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.limits import Limits, Profile
from guanxi.contract.params import decoder, defaults, wire_types
from guanxi.service import auth, relation_acts, relation_groups, relation_lists, web
from guanxi.service.handling import Handler

HANDLERS: dict[str, Handler] = {
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
    e.ATTENTIONS.name: web.attentions,
    e.CARD_BY_MID.name: web.card_by_mid,
}


class Route(NamedTuple):
    endpoint: Endpoint
    decode: Callable[[dict[str, str]], Any]
    handler: Handler
    #: The fields that it reads, second names included; none may be there twice.
    known: frozenset[str]
    reads_form: bool


def routes(profile: Profile) -> dict[tuple[str, str], Route]:
    """Every endpoint's route, by method and path."""
    return {
        (endpoint.method, endpoint.path): Route(
            endpoint,
            _decoder(endpoint, profile.limits),
            HANDLERS[endpoint.name],
            _known(endpoint, profile),
            endpoint.method == "POST" and not endpoint.ignores_body,
        )
        for endpoint in e.ENDPOINTS
    }


def _known(endpoint: Endpoint, profile: Profile) -> frozenset[str]:
    fields = auth.fields_of(endpoint) | wire_types(endpoint.params).keys() | endpoint.aliases.keys()
    return fields if profile.cursors else fields - {"cursor"}


def _decoder(endpoint: Endpoint, limits: Limits) -> Callable[[dict[str, str]], Any]:
    """The decoder of an endpoint, its default page no larger than a page may be."""
    decode = decoder(endpoint.params, endpoint.aliases, limits)
    if defaults(endpoint.params).get("ps", 0) <= limits.page_size:
        return decode
    size = str(limits.page_size)
    return lambda values: decode({"ps": size, **values})
