"""Requests that published clients send, each as its bytes: cases r1 to r4, r8 and r17."""

from __future__ import annotations

import json
from typing import Any

from guanxi.contract import endpoints as e
from guanxi.testing import RunningService, SignedIn
from tests.service.client import call, contents, fresh, raw


def exchanged(
    service: RunningService, target: str, caller: SignedIn, body: str = "", *lines: str
) -> tuple[int, Any]:
    """Send a POST as bytes and return the HTTP status and the response's body."""
    head = [
        f"POST {target} HTTP/1.1",
        "Host: localhost",
        f"Cookie: SESSDATA={caller.sessdata}; bili_jct={caller.bili_jct}",
        "Connection: close",
        f"Content-Length: {len(body.encode())}",
        *lines,
    ]
    sent = "\r\n".join([*head, "", body]).encode()
    status, _, rest = raw(service.base_url, sent).partition(b"\r\n")
    return int(status.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2])


def attribute(service: RunningService, caller: SignedIn, fid: int) -> int:
    relation: int = call(service, e.RELATION, caller, {"fid": fid}).data["attribute"]
    return relation


_FORM = "Content-Type: application/x-www-form-urlencoded"


def test_r1_multipart_of_a_rust_client(either: RunningService) -> None:
    caller, other = fresh(either, 2)
    boundary = "3f2a91d44c1e0b7a-88c0d1f2a3b4c5d6-0011223344556677-8899aabbccddeeff"
    fields = {"fid": other.mid, "act": 1, "re_src": 11, "csrf": caller.bili_jct}
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    typed = f"Content-Type: multipart/form-data; boundary={boundary}"
    answer = exchanged(either, "/x/relation/modify", caller, f"{body}--{boundary}--\r\n", typed)
    assert answer == (200, {"code": 0, "message": "0", "ttl": 1})
    assert attribute(either, caller, other.mid) == 2


def test_r2_a_batch_in_the_query(either: RunningService) -> None:
    for line in (_FORM, "Content-Type: application/json", "Accept: */*"):
        caller, one, other = fresh(either, 3)
        query = f"fids={one.mid},{other.mid}&act=1&re_src=11&csrf={caller.bili_jct}"
        status, body = exchanged(either, f"/x/relation/batch/modify?{query}", caller, "", line)
        assert (status, body["code"], body["data"]) == (200, 0, {"failed_fids": []}), line
        assert attribute(either, caller, one.mid) == attribute(either, caller, other.mid) == 2


def test_r3_groups_in_the_query(either: RunningService) -> None:
    caller, other = fresh(either, 2)
    csrf = f"csrf={caller.bili_jct}"
    follow = f"/x/relation/modify?fid={other.mid}&act=1&re_src=11&{csrf}"
    assert exchanged(either, follow, caller) == (200, {"code": 0, "message": "0", "ttl": 1})
    status, made = exchanged(either, f"/x/relation/tag/create?tag=%E7%BB%84&{csrf}", caller)
    assert (status, made["code"]) == (200, 0)
    group = made["data"]["tagid"]
    members = f"fids={other.mid}&{csrf}"
    for verb, fields, groups in [
        ("addUsers", f"tagids={group}", [group]),
        ("copyUsers", "tagids=-10", [-10, group]),
        ("moveUsers", f"beforeTagids={group}&afterTagids=0", [-10]),
    ]:
        target = f"/x/relation/tags/{verb}?{fields}&{members}"
        assert exchanged(either, target, caller) == (200, {"code": 0, "message": "0", "ttl": 1})
        relation = call(either, e.RELATION, caller, {"fid": other.mid}).data
        assert sorted(relation["tag"]) == groups, verb


def test_r4_an_unknown_parameter_in_the_query(either: RunningService) -> None:
    caller, other = fresh(either, 2)
    form = f"fid={other.mid}&act=1&re_src=11&csrf={caller.bili_jct}"
    assert exchanged(either, "/x/relation/modify?a=1&a=2", caller, form, _FORM)[1]["code"] == 0
    target = "/x/relation/tags/addUsers?cross_domain=true"
    form = f"fids={other.mid}&tagids=-10&csrf={caller.bili_jct}"
    answer = exchanged(either, target, caller, form, _FORM)
    assert answer == (200, {"code": 0, "message": "0", "ttl": 1})


def test_r8_a_compressed_body(either: RunningService) -> None:
    caller, other = fresh(either, 2)
    before = contents(either)
    form = f"fid={other.mid}&act=1&re_src=11&csrf={caller.bili_jct}"
    for coding in ("gzip", "br", "GZIP", "identity, gzip", "x"):
        line = f"Content-Encoding: {coding}"
        status, body = exchanged(either, "/x/relation/modify", caller, form, _FORM, line)
        assert (status, body["code"]) == (415, -400)
        assert f"Content-Encoding: {coding} is not accepted; send identity" in json.dumps(body)
    assert contents(either) == before


def test_r17_empty_optional_parameters(either: RunningService) -> None:
    caller, other = fresh(either, 2)
    assert call(either, e.MODIFY, caller, {"fid": other.mid, "act": 1, "re_src": 11}).code == 0
    right = {"vmid": caller.mid}
    whole = call(either, e.FOLLOWINGS, caller, right).data
    assert whole["total"] == 1
    for empty in ("ps", "pn", "order", "order_type"):
        assert call(either, e.FOLLOWINGS, caller, {**right, empty: ""}).data == whole
    every = {**right, "ps": "", "pn": "", "order": "", "order_type": ""}
    assert call(either, e.FOLLOWINGS, caller, every).data == whole
    missing = call(either, e.FOLLOWINGS, caller, {"vmid": "", "ps": 1})
    assert (missing.code, "vmid: missing" in missing.raw.decode()) == (-400, True)
