"""Call the relation functions of another client, under its own interpreter; print the results.

Only the destination of its requests is changed: its HTTP session gets a transport that sends every
request to the service instead of the host in its address, with the same path.

Reads a JSON object from standard input (base_url, mid, sessdata, bili_jct, other, fresh,
deregistered, grouped), and writes one to standard output: a result or an error for each step.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import bilibili_api
import httpx
from bilibili_api import Credential, user
from bilibili_api.exceptions import ResponseCodeException

given = json.load(sys.stdin)
credential = Credential(
    sessdata=given["sessdata"], bili_jct=given["bili_jct"], dedeuserid=str(given["mid"])
)


class Redirected(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = httpx.URL(given["base_url"])
        request.url = request.url.copy_with(
            scheme=target.scheme, host=target.host, port=target.port
        )
        return await super().handle_async_request(request)


async def main() -> None:
    bilibili_api.select_client("httpx")
    bilibili_api.get_client()
    session = httpx.AsyncClient(transport=Redirected(), timeout=30)
    bilibili_api.set_session(session)

    me = user.User(given["mid"], credential)
    other = user.User(given["other"], credential)
    fresh = user.User(given["fresh"], credential)
    deregistered = user.User(given["deregistered"], credential)
    Relation = user.RelationType
    results: dict[str, Any] = {}

    async def step(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        try:
            results[name] = await call()
        except ResponseCodeException as error:
            results[name] = {"refused": error.code}
        return results[name]

    await step("followings", lambda: me.get_followings(pn=1, ps=5))
    await step("followings_oldest", lambda: me.get_followings(ps=5, order=user.OrderType.asc))
    await step("followings_visited", lambda: me.get_followings(ps=5, attention=True))
    await step("others_followings", lambda: other.get_followings(ps=100))
    await step("all_followings", me.get_all_followings)
    await step("followers", lambda: me.get_followers(ps=5))
    await step("same", other.get_self_same_followers)
    await step("stat", me.get_relation_info)
    await step("relation", fresh.get_relation)
    await step("special", lambda: user.get_self_special_followings(credential))
    await step("whispers", lambda: user.get_self_whisper_followings(credential))
    await step("friends", lambda: user.get_self_friends(credential))
    await step("blacks", lambda: user.get_self_black_list(credential))

    await step("follow", lambda: fresh.modify_relation(Relation.SUBSCRIBE))
    await step("follow_again", lambda: fresh.modify_relation(Relation.SUBSCRIBE))
    await step("follow_deregistered", lambda: deregistered.modify_relation(Relation.SUBSCRIBE))
    await step("relation_after", fresh.get_relation)
    created = await step("create", lambda: user.create_subscribe_group("陌生人", credential))
    group = created["tagid"]
    await step("rename", lambda: user.rename_subscribe_group(group, "熟人", credential))
    await step(
        "set_group",
        lambda: user.set_subscribe_group([given["fresh"], given["grouped"]], [group], credential),
    )
    doomed = await step("create_doomed", lambda: user.create_subscribe_group("临时", credential))
    await step("delete", lambda: user.delete_subscribe_group(doomed["tagid"], credential))
    await step("block", lambda: user.User(2, credential).modify_relation(Relation.BLOCK))
    await step("unblock", lambda: user.User(22179720, credential).modify_relation(Relation.UNBLOCK))
    await step("unfollow", lambda: user.User(1, credential).modify_relation(Relation.UNSUBSCRIBE))
    await step(
        "remove", lambda: user.User(175989424, credential).modify_relation(Relation.REMOVE_FANS)
    )
    await session.aclose()
    json.dump(results, sys.stdout, ensure_ascii=False)


asyncio.run(main())
