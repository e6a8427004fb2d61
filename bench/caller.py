"""``python -m bench.caller SIDE``: measure calls by the SDK, or by its HTTP library alone.

Reads an account as JSON from standard input and prints the figure.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct
from msgspec.json import Decoder
from pyreqwest.client import ClientBuilder

from bench.calls import PAGE, Account, Page, account_from_stdin, cpu, rate
from guanxi import Client, Credential, user
from guanxi.contract.structs import RelationPage


class Envelope(Struct):
    """The response to a request for a page."""

    code: int
    data: RelationPage


@asynccontextmanager
async def typed(account: Account) -> AsyncIterator[Page]:
    """Yield a function that reads a page of followings with `guanxi.Client`."""
    credential = Credential.from_cookies(account.cookies)
    async with Client(credential=credential, base_url=account.url) as client:

        async def page(number: int) -> list[int]:
            response = await client.relation.followings(account.mid, page=number, size=PAGE)
            return [item.mid for item in response.items]

        yield page


@asynccontextmanager
async def plain(account: Account) -> AsyncIterator[Page]:
    """Yield a function that reads a page of followings with `guanxi.user`."""
    credential = user.Credential.from_cookies(account.cookies)
    async with Client(credential=credential, base_url=account.url) as client:
        me = user.User(account.mid, credential)

        async def page(number: int) -> list[int]:
            return [item["mid"] for item in (await me.get_followings(number, PAGE))["list"]]

        with user.using(client):
            yield page


@asynccontextmanager
async def bare(account: Account) -> AsyncIterator[Page]:
    """Yield a function that reads a page of followings with pyreqwest and msgspec alone."""
    address = f"{account.url}/x/relation/followings?vmid={account.mid}&ps={PAGE}&pn="
    cookies = "; ".join(f"{name}={value}" for name, value in account.cookies.items())
    headers = {"Cookie": cookies, "User-Agent": "bench"}
    decoder = Decoder(Envelope)
    async with ClientBuilder().build() as client:

        async def page(number: int) -> list[int]:
            request = client.get(f"{address}{number}").headers(headers).build()
            envelope = decoder.decode(await (await request.send()).bytes())
            return [item.mid for item in envelope.data.items]

        yield page


#: By side: the client that requests the pages, and what is measured.
SIDES = {
    "typed-cpu": (typed, cpu),
    "plain-cpu": (plain, cpu),
    "typed-rate": (typed, rate),
    "bare-rate": (bare, rate),
}


async def main(side: str) -> float:
    """Return the figure of a side. Raise KeyError for an unknown one."""
    account = account_from_stdin()
    client, measure = SIDES[side]
    async with client(account) as page:
        return await measure(page, account.seconds)


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1])))
