"""``python -m bench.stranger LIBRARY``: measure the same calls by bilibili-api-python.

LIBRARY is its HTTP client, httpx or aiohttp. Only the URL that it requests is changed. It must
run in a separate process: no other module may import it.
"""

from __future__ import annotations

import asyncio
import sys

import bilibili_api
from bilibili_api import Credential, user

from bench.calls import PAGE, Account, account_from_stdin, cpu

#: The names of Credential's arguments, by cookie.
_ARGUMENTS = {
    "SESSDATA": "sessdata",
    "bili_jct": "bili_jct",
    "buvid3": "buvid3",
    "buvid4": "buvid4",
    "DedeUserID": "dedeuserid",
}


async def main(library: str, account: Account) -> float:
    """Return CPU milliseconds per page of the account's followings."""
    # Change the library's table of URLs: redirecting each request would add to its cost.
    user.API["info"]["all_followings2"]["url"] = f"{account.url}/x/relation/followings"
    bilibili_api.select_client(library)
    arguments = {_ARGUMENTS[name]: value for name, value in account.cookies.items()}
    me = user.User(account.mid, Credential(**arguments))

    async def page(number: int) -> list[int]:
        return [item["mid"] for item in (await me.get_followings(number, PAGE))["list"]]

    figure = await cpu(page, account.seconds)
    session = bilibili_api.get_session()
    await (session.aclose() if library == "httpx" else session.close())
    return figure


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], account_from_stdin())))
