"""Who sent a request that came through proxies."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.contract import endpoints as e
from guanxi.contract.limits import DOCUMENTED
from guanxi.service.config import SettingError, Settings
from guanxi.service.configuration import load
from guanxi.service.exchange import ASGI, Scope, Send
from guanxi.service.forms import Receive
from guanxi.service.proxies import MOST_PROXIES, client_of, trusting, unfit_network
from guanxi.testing import running
from tests.counts import count
from tests.service.client import send

_TRUSTED = ("10.0.0.0/8", "127.0.0.1", "2001:db8::/32")
is_trusted = trusting(_TRUSTED)


def client(peer: str, *values: str) -> str:
    return client_of(
        peer, [(b"x-forwarded-for", value.encode("latin-1")) for value in values], is_trusted
    )


@pytest.mark.parametrize(
    ("peer", "values", "expected"),
    [
        # Nobody is believed who is not trusted.
        ("192.0.2.1", ("198.51.100.1",), "192.0.2.1"),
        ("", ("198.51.100.1",), ""),
        ("nonsense", ("198.51.100.1",), "nonsense"),
        ("10.1.2.3", (), "10.1.2.3"),
        ("10.1.2.3", ("",), "10.1.2.3"),
        ("10.1.2.3", ("198.51.100.1",), "198.51.100.1"),
        # What the client wrote itself is to the left of what its proxy wrote.
        ("10.1.2.3", ("203.0.113.9, 198.51.100.1",), "198.51.100.1"),
        ("10.1.2.3", ("10.9.9.9, 198.51.100.1",), "198.51.100.1"),
        ("10.1.2.3", ("203.0.113.9", "198.51.100.1"), "198.51.100.1"),
        # Several trusted proxies, and only those.
        ("127.0.0.1", ("203.0.113.9, 198.51.100.1, 10.0.0.1, 2001:db8::5",), "198.51.100.1"),
        ("127.0.0.1", ("10.0.0.9,10.0.0.8",), "10.0.0.9"),
        # With ports, in brackets, and embedded in IPv6.
        ("127.0.0.1", ("198.51.100.1:51234",), "198.51.100.1"),
        ("127.0.0.1", ("[2001:db9::7]:443",), "2001:db9::7"),
        ("127.0.0.1", ("[2001:db9::7]",), "2001:db9::7"),
        ("127.0.0.1", ("2001:DB9:0::7",), "2001:db9::7"),
        ("127.0.0.1", ("203.0.113.9, ::ffff:10.0.0.1",), "203.0.113.9"),
        ("::ffff:127.0.0.1", ("203.0.113.9",), "203.0.113.9"),
        # What is no address ends the walk at the last proxy that is known.
        ("127.0.0.1", ("203.0.113.9, unknown",), "127.0.0.1"),
        ("127.0.0.1", ("203.0.113.9, unknown, 10.0.0.1",), "10.0.0.1"),
        ("127.0.0.1", ("203.0.113.9,",), "127.0.0.1"),
        ("127.0.0.1", ("203.0.113.9:",), "127.0.0.1"),
        ("127.0.0.1", ("203.0.113.9:99999999",), "127.0.0.1"),
        ("127.0.0.1", ("203.0.113.09",), "127.0.0.1"),
        ("127.0.0.1", ("[203.0.113.9]",), "127.0.0.1"),
        ("127.0.0.1", ("[2001:db9::7",), "127.0.0.1"),
        ("127.0.0.1", ("[2001:db9::7]x",), "127.0.0.1"),
        ("127.0.0.1", ("203.0.113.9 198.51.100.1",), "127.0.0.1"),
        ("127.0.0.1", ("\xff",), "127.0.0.1"),
        ("127.0.0.1", ("1" * 60_000,), "127.0.0.1"),
        ("127.0.0.1", ("unix",), "127.0.0.1"),
    ],
)
def test_the_client_of_a_request(peer: str, values: tuple[str, ...], expected: str) -> None:
    assert client(peer, *values) == expected


def test_a_chain_of_proxies_has_an_end() -> None:
    chain = ", ".join(["203.0.113.9", *["10.0.0.7"] * MOST_PROXIES])
    assert client("127.0.0.1", chain) == "10.0.0.7"
    assert client("127.0.0.1", chain.removesuffix(", 10.0.0.7")) == "203.0.113.9"


_ADDRESSES = st.one_of(
    st.ip_addresses(network="10.0.0.0/30").map(str),
    st.ip_addresses(network="198.51.100.0/24").map(str),
    st.ip_addresses(v=6, network="2001:db8::/126").map(str),
    st.ip_addresses(v=6, network="2001:db9::/64").map(str),
    st.sampled_from(["unknown", "", "_hidden", "10.0.0.256", "1.2.3", "0x7f000001", "::1%eth0"]),
)


def naive(peer: str, entries: list[str]) -> str:
    """Return the client by the definition: the last address before those of trusted proxies."""
    networks = [ip_network(one) for one in _TRUSTED]

    def trusted(text: str) -> bool:
        return any(ip_address(text) in network for network in networks)

    chain = [peer]
    for entry in entries[::-1]:
        if not trusted(chain[-1]):
            break
        try:
            chain.append(str(ip_address(entry)))
        except ValueError:
            break
    return chain[-1]


@settings(max_examples=count(short=200, long=2_000))
@given(
    st.sampled_from(["10.0.0.1", "127.0.0.1", "198.51.100.9", "2001:db8::1", "2001:db9::1"]),
    st.lists(_ADDRESSES, max_size=6),
    st.lists(st.sampled_from([", ", ",", " ,\t"]), min_size=6, max_size=6),
    st.booleans(),
)
def test_the_parser_equals_a_naive_reading(
    peer: str, entries: list[str], separators: list[str], split: bool
) -> None:
    if split:
        values = entries
    else:
        joined = "".join(
            one + separator for one, separator in zip(entries, separators, strict=False)
        )
        values = [re.sub(r"[ \t]*,[ \t]*$", "", joined)] if entries else []
        if entries and not entries[-1]:
            values = [joined[: joined.rindex(",")]]
    assert client(peer, *values) == naive(peer, entries)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "localhost", "*", "", "10.0.0.0/33", "::/129"])
def test_what_is_no_network_is_an_error(text: str) -> None:
    assert unfit_network(text) is not None
    if text:
        with pytest.raises(SettingError, match="trusted_proxies"):
            load(environ={"GUANXI_TRUSTED_PROXIES": f"127.0.0.1,{text}"})


@pytest.mark.parametrize("text", ["10.0.0.0/8", "127.0.0.1", "::1", "2001:db8::/32", "unix"])
def test_networks(text: str) -> None:
    assert load(environ={"GUANXI_TRUSTED_PROXIES": text}).trusted_proxies == (text,)


def test_a_unix_socket_is_trusted_by_its_name() -> None:
    of_unix = trusting(("unix",))
    assert client_of("unix", [(b"x-forwarded-for", b"203.0.113.9")], of_unix) == "203.0.113.9"
    assert not of_unix("127.0.0.1")
    assert not is_trusted("unix")


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [(("127.0.0.1",), "203.0.113.9"), (("10.0.0.0/8",), "127.0.0.1"), ((), "127.0.0.1")],
)
def test_the_service_reads_it(trusted: tuple[str, ...], expected: str) -> None:
    seen: list[str] = []

    def wrap(application: ASGI) -> ASGI:
        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["client"][0])
            await application(scope, receive, send)

        return watched

    one = Settings(profile=DOCUMENTED, trusted_proxies=trusted)
    with running(settings=one, wrap=wrap) as service:
        headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
        assert (
            send(service.base_url, "GET", e.STAT.path, query={"vmid": 1}, headers=headers).status
            == 200
        )
    assert seen == [expected]
