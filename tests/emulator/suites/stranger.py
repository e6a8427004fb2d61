"""Another client, unpatched, under its own interpreter; it finds the proxy by its own settings.

Reads a JSON object from standard input (client, sessdata, bili_jct, mid, other), and writes one to
standard output: a result or the code of a refusal for each step.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable
from typing import Any

import bilibili_api
from bilibili_api import Credential, user
from bilibili_api.exceptions import NetworkException, ResponseCodeException

given = json.load(sys.stdin)
bilibili_api.select_client(given["client"])
if given["client"] == "aiohttp":  # the other one reads HTTPS_PROXY itself
    bilibili_api.request_settings.set_proxy(os.environ["HTTPS_PROXY"])


async def main() -> None:
    credential = Credential(
        sessdata=given["sessdata"], bili_jct=given["bili_jct"], dedeuserid=str(given["mid"])
    )
    me, other = (user.User(given[name], credential) for name in ("mid", "other"))
    results: dict[str, Any] = {}

    async def step(name: str, call: Awaitable[Any]) -> None:
        try:
            results[name] = await call
        except ResponseCodeException as error:
            results[name] = error.code
        except NetworkException as error:
            results[name] = f"HTTP {error.status}"

    await step("refused", other.modify_relation(user.RelationType.SUBSCRIBE))
    await step("follow", other.modify_relation(user.RelationType.SUBSCRIBE))
    await step("followings", me.get_followings())
    await step("stat", me.get_relation_info())
    await step("created", user.create_subscribe_group("代理", credential))
    await step("page", me.get_relation_info())
    json.dump(results, sys.stdout, ensure_ascii=False)


asyncio.run(main())
