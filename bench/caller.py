"""``python -m bench.caller SIDE``: calls by the SDK, and by no more than what it is built on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct
from msgspec.json import Decoder
from pyreqwest.client import ClientBuilder

from bench.calls import PAGE, Account, Page, cpu, rate, told
from guanxi import Client, Credential, user
from guanxi.contract.structs import RelationPage


class Answer(Struct):
    code: int
    data: RelationPage


@asynccontextmanager
async def typed(account: Account) -> AsyncIterator[Page]:
    credential = Credential.from_cookies(account.cookies)
    async with Client(credential=credential, base_url=account.url) as client:

        async def page(number: int) -> list[int]:
            found = await client.relation.followings(account.mid, page=number, size=PAGE)
            return [item.mid for item in found.items]

        yield page


@asynccontextmanager
async def plain(account: Account) -> AsyncIterator[Page]:
    credential = user.Credential.from_cookies(account.cookies)
    async with Client(credential=credential, base_url=account.url) as client:
        me = user.User(account.mid, credential)

        async def page(number: int) -> list[int]:
            return [item["mid"] for item in (await me.get_followings(number, PAGE))["list"]]

        with user.using(client):
            yield page


@asynccontextmanager
async def bare(account: Account) -> AsyncIterator[Page]:
    address = f"{account.url}/x/relation/followings?vmid={account.mid}&ps={PAGE}&pn="
    cookies = "; ".join(f"{name}={value}" for name, value in account.cookies.items())
    headers = {"Cookie": cookies, "User-Agent": "bench"}
    decoder = Decoder(Answer)
    async with ClientBuilder().build() as client:

        async def page(number: int) -> list[int]:
            request = client.get(f"{address}{number}").headers(headers).build()
            answer = decoder.decode(await (await request.send()).bytes())
            return [item.mid for item in answer.data.items]

        yield page


#: How the pages are asked for, and what of it is measured.
SIDES = {
    "typed-cpu": (typed, cpu),
    "plain-cpu": (plain, cpu),
    "typed-rate": (typed, rate),
    "bare-rate": (bare, rate),
}


async def main(side: str) -> float:
    account = told()
    asking, measure = SIDES[side]
    async with asking(account) as page:
        return await measure(page, account.seconds)


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1])))
