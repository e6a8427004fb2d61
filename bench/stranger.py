"""``python -m bench.stranger LIBRARY``: the same calls by bilibili-api-python, over a library.

Run in a process of its own. Nothing of it is changed but the address that it asks.
"""

from __future__ import annotations

import asyncio
import sys

import bilibili_api
from bilibili_api import Credential, user

from bench.calls import PAGE, Account, cpu, told

#: As the client's arguments are called, by cookie.
_PARTS = {
    "SESSDATA": "sessdata",
    "bili_jct": "bili_jct",
    "buvid3": "buvid3",
    "buvid4": "buvid4",
    "DedeUserID": "dedeuserid",
}


async def main(library: str, account: Account) -> float:
    # A row of its table of addresses, as sending by another way would cost it something.
    user.API["info"]["all_followings2"]["url"] = f"{account.url}/x/relation/followings"
    bilibili_api.select_client(library)
    parts = {_PARTS[name]: value for name, value in account.cookies.items()}
    me = user.User(account.mid, Credential(**parts))

    async def page(number: int) -> list[int]:
        return [item["mid"] for item in (await me.get_followings(number, PAGE))["list"]]

    figure = await cpu(page, account.seconds)
    session = bilibili_api.get_session()
    await (session.aclose() if library == "httpx" else session.close())
    return figure


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], told())))
