"""Every example of documents 002 to 004, in order, on the demo's world, compared field by field.

The real curl sends the requests; only host, cookie and csrf are changed. ``printed.jsonl`` has the
requests and the responses that the documents print (003 and 004 print the same). Two things are not
as printed: a signature is "…", because it is the text of a real person, and ``meant`` has the
parameters that an example's sentence names, where its line was copied from another example.
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
from tests.documents.entries import ENTRIES
from tests.end_to_end.differences import ALLOWED, allowed, differences

EXAMPLES: list[dict[str, Any]] = [
    json.loads(line)
    for line in Path(__file__).with_name("printed.jsonl").read_text("utf-8").splitlines()
]

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None and "CI" not in os.environ, reason="curl is not installed"
)


def examples_of(document: str) -> list[dict[str, Any]]:
    return [example for example in EXAMPLES if document in example["documents"]]


def entries_of(document: str) -> list[str]:
    """Return the names of the documents' entries whose examples a document has."""
    addresses = {(example["method"], example["path"]) for example in examples_of(document)}
    return [
        endpoint.name
        for endpoint in ENDPOINTS
        if (endpoint.method, endpoint.path) in addresses and endpoint.name in ENTRIES
    ]


def curl(
    example: dict[str, Any], service: RunningService, hero: SignedIn, params: str = "params"
) -> dict[str, Any]:
    """Run an example's curl line against the service; return the response."""
    argv = ["curl", "-sS", "-m", "30", service.base_url + example["path"]]
    if example["method"] == "GET":
        argv.append("-G")
    for name, value in example[params]:
        argv += ["--data-urlencode", f"{name}={hero.bili_jct if name == 'csrf' else value}"]
    if example["cookie"]:
        argv += ["-b", f"SESSDATA={hero.sessdata}"]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=60)
    response = json.loads(done.stdout)
    assert isinstance(response, dict)
    return response


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(document, marks=pytest.mark.holds(*entries_of(document), aspect="example"))
        for document in ("002", "004")
    ],
)
def test_responses_are_as_printed(document: str, demo: RunningService, hero: SignedIn) -> None:
    wrong = []
    for example in examples_of(document):
        path, printed = example["path"], example["answer"]
        response = curl(example, demo, hero, "meant" if "meant" in example else "params")
        found = dict(differences(printed, response))
        may = allowed(document, path, printed)
        wrong += [f"{path}: {name} is not allowed: {found[name]!r}" for name in found.keys() - may]
        wrong += [f"{path}: {name} differs no longer" for name in may.keys() - found]
        wrong += [
            f"{path}: {name} is {found[name]}, not {value}"
            for name, value in may.items()
            if value is not None and str(found.get(name)) != value
        ]
    assert wrong == []


def test_refused_follows_are_as_printed_after_an_unfollow(
    demo: RunningService, hero: SignedIn, client: SyncClient
) -> None:
    for mid in (14082, 1, 2):
        client.relation.unfollow(mid)
    for example in examples_of("004"):
        if example["path"] in ("/x/relation/modify", "/x/relation/batch/modify"):
            assert curl(example, demo, hero) == example["answer"]


def test_a_line_that_differs_from_its_sentence_is_answered_for_what_it_requests(
    demo: RunningService, hero: SignedIn
) -> None:
    """The line of "many relations" has the parameter of "one relation", as ``fid``."""
    [many] = [example for example in examples_of("004") if "meant" in example]
    [one] = [example for example in examples_of("004") if example["path"] == "/x/relation"]
    assert curl(many, demo, hero)["data"] == {"258150656": one["answer"]["data"]}


def test_every_documented_endpoint_has_its_example() -> None:
    by_address = {(entry.method, entry.path): entry.name for entry in ENDPOINTS}
    shown = {
        document: [by_address[entry["method"], entry["path"]] for entry in examples_of(document)]
        for document in ("002", "003", "004")
    }
    assert [len(names) for names in shown.values()] == [14, 24, 24]
    assert all(len(names) == len(set(names)) for names in shown.values())
    # The document's example of the wbi endpoint uses the legacy address.
    assert set(shown["004"]) - {LEGACY_MUTUAL.name} | {MUTUAL.name} == {
        entry.name for entry in DOCUMENTED_RELATION
    }


def test_every_allowed_difference_is_of_an_example() -> None:
    """Otherwise a wrong path in the table would allow nothing, and nobody would notice."""
    sent = {(document, entry["path"]) for entry in EXAMPLES for document in entry["documents"]}
    for row in ALLOWED:
        for document in row.documents.split():
            assert {(document, path) for path in row.paths.split()} <= sent, row


def test_differences_finds_a_wrong_response() -> None:
    printed = {"code": 0, "data": {"list": [{"mid": 1, "tag": [2, 3]}, {"mid": 2, "tag": None}]}}

    def found(*items: dict[str, Any], **more: Any) -> list[str]:
        response = {"code": 0, "data": {"list": list(items)}, **more}
        return [name for name, _ in differences(printed, response)]

    first, second = {"mid": 1, "tag": [2, 3]}, {"mid": 2, "tag": None}
    assert found(first, second) == []
    assert found(second, first) == ["~data.list"]
    assert found(first, second, code=1) == ["code"]
    assert found(first, second, code="0") == ["!code"]
    assert found(first, second, code=False) == ["!code"]
    assert found({"mid": 1, "tag": [3]}, second) == ["-data.list[1].tag[2]"]
    assert found(first, {"mid": 2}, {"mid": 3}, x=1) == ["-data.list[2].tag", "+data.list[3]", "+x"]
    assert found(first, {"mid": 2, "tag": []}) == ["!data.list[2].tag"]
    cut = {"list": [*printed["data"]["list"], "…"]}  # type: ignore[index]
    assert list(differences(cut, {"list": [first, {"mid": 9}, second]})) == []
