"""The curl lines of document 004; only host, cookie, csrf and signature are changed.

Each runs with the real curl, on a world with the accounts that it assumes. The response must have
every field of the example, with the same type. ``examples.jsonl`` has the parameters of the lines
and the shapes of the example responses.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from guanxi import SyncClient
from guanxi.contract.endpoints import DOCUMENTED_RELATION, ENDPOINTS, LEGACY_MUTUAL, MUTUAL
from guanxi.testing import RunningService, SignedIn

EXAMPLES: list[dict[str, Any]] = [
    json.loads(line)
    for line in Path(__file__).with_name("examples.jsonl").read_text("utf-8").splitlines()
]

#: The accounts that an example assumes are not followed. The world has everything else.
NOT_FOLLOWED = {"/x/relation/modify": [14082], "/x/relation/batch/modify": [1, 2, 3, 4, 5]}

KINDS = {"num": (int, float), "str": (str,), "bool": (bool,)}


def mismatches(shape: Any, value: Any, path: str = "$") -> list[str]:
    """Return how a value differs from a shape; ``*`` stands for every key of an object."""
    if isinstance(shape, dict) and isinstance(value, dict):
        if "*" in shape:
            shape = dict.fromkeys(value, shape["*"])
        missing = [f"{path}.{key}: missing" for key in shape.keys() - value.keys()]
        return missing + [
            wrong
            for key in shape.keys() & value.keys()
            for wrong in mismatches(shape[key], value[key], f"{path}.{key}")
        ]
    if isinstance(shape, list) and isinstance(value, list):
        return [
            wrong
            for index, item in enumerate(value)
            for wrong in min(
                (
                    mismatches(item_shape, item, f"{path}[{index}]")
                    for item_shape in shape or [None]
                ),
                key=len,
            )
        ]
    if path.endswith(".tag"):  # null in the default group, a list of numbers otherwise
        fits = value is None or all(type(item_shape) is int for item_shape in value)
    elif isinstance(shape, str):
        fits = type(value) in KINDS[shape]
    else:
        fits = shape is None and value is None
    return [] if fits else [f"{path}: {value!r} is not {shape}"]


def curl(example: dict[str, Any], service: RunningService, hero: SignedIn) -> dict[str, Any]:
    """Run an example's curl line against the service; return the response."""
    argv = ["curl", "-sS", "-m", "30", service.base_url + example["path"]]
    if example["method"] == "GET":
        argv.append("-G")
    for name, value in example["params"]:
        argv += ["--data-urlencode", f"{name}={hero.bili_jct if name == 'csrf' else value}"]
    if example["cookie"]:
        argv += ["-b", f"SESSDATA={hero.sessdata}"]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=60)
    response = json.loads(done.stdout)
    assert isinstance(response, dict)
    return response


@pytest.mark.holds(each="example", aspect="example")
@pytest.mark.skipif(
    shutil.which("curl") is None and "CI" not in os.environ, reason="curl is not installed"
)
@pytest.mark.parametrize("example", EXAMPLES, ids=[entry["path"] for entry in EXAMPLES])
def test_example(
    example: dict[str, Any], demo: RunningService, hero: SignedIn, client: SyncClient
) -> None:
    for mid in NOT_FOLLOWED.get(example["path"], []):
        client.relation.unfollow(mid)
    response = curl(example, demo, hero)
    assert response["code"] == 0, response
    assert mismatches(example["answer"], response) == []
    data: Any = response.get("data")
    shape = example["answer"].get("data")
    if isinstance(shape, dict) and "list" in shape:
        assert data["list"], "the list is empty, so its items were not compared"
    if isinstance(shape, list) or (isinstance(shape, dict) and "*" in shape):
        assert data, "the data is empty, so it was not compared"


def test_every_documented_endpoint_has_its_example() -> None:
    by_address = {(entry.method, entry.path): entry.name for entry in ENDPOINTS}
    shown = {by_address[entry["method"], entry["path"]] for entry in EXAMPLES}
    # The document's example of the wbi endpoint uses the legacy address.
    assert shown - {LEGACY_MUTUAL.name} | {MUTUAL.name} == {
        entry.name for entry in DOCUMENTED_RELATION
    }
    assert len(EXAMPLES) == 24


def test_mismatches_finds_a_wrong_response() -> None:
    shape = {"data": {"list": [{"mid": "num", "tag": None}]}}
    assert mismatches(shape, {"data": {"list": [{"mid": 1, "tag": [2]}]}}) == []
    assert mismatches(shape, {"data": {"list": [{"mid": 1}]}}) == ["$.data.list[0].tag: missing"]
    assert mismatches(shape, {"data": {"list": [{"mid": "1", "tag": None}]}}) == [
        "$.data.list[0].mid: '1' is not num"
    ]
    assert mismatches(shape, {"data": None}) == [
        "$.data: None is not {'list': [{'mid': 'num', 'tag': None}]}"
    ]
