"""Generate docs/coverage.md: what of the documents is served, and which test holds which entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import DOCUMENTED_RELATION, ENDPOINTS
from guanxi.sdk.sync import SyncClient
from guanxi.service.routes import HANDLERS
from tests.documents.entries import ENTRIES, EXEMPT, REQUIRED, Entry
from tests.end_to_end.content_cases import CASES
from tools.holders import holders
from tools.markdown import NOTE, table

#: The aspects that parametrised tests check, with what these do.
_ASPECTS = {
    "parameters": "each documented parameter is accepted, those that are required are required,"
    " and the others have the documented defaults",
    "response": "a response has every documented name, and exactly the contract's shape",
    "codes": "each code that the service may answer is provoked, with its message",
    "example": "the document's curl line gets the example's response",
    "arguments": "names, order and defaults of arguments, or the members of an enum",
    "request": "what a call sends",
}
_API = ("parameters", "response", "codes", "example")
_MODULE = ("arguments", "request")


def page() -> str:
    """Return the page: a table of the endpoints, and the tests of each entry."""
    return f"{NOTE}# Coverage\n\n{_endpoints()}\n{_entries()}"


def missing() -> list[tuple[str, str]]:
    """Return the entries with the aspects that no test holds, but for the exempt ones."""
    wanted = ((name, one) for name, entry in ENTRIES.items() for one in sorted(_wanted(entry)))
    return [pair for pair in wanted if pair not in holders()]


def _wanted(entry: Entry) -> set[str]:
    return {one for one in REQUIRED[entry.kind] if (entry.name, one) not in EXEMPT}


def _endpoints() -> str:
    with SyncClient(base_url="http://127.0.0.1:1") as client:
        rows = [_endpoint_row(endpoint, client) for endpoint in ENDPOINTS]
    documented = [row for row in rows if row[0] in {f"`{e.name}`" for e in DOCUMENTED_RELATION}]
    head = ("endpoint", "request", "document", "declared", "served", "callable", "tested")
    return (
        f"{_complete(documented)} of the {len(documented)} endpoints of [document"
        " 004](documents.md), and"
        f" {_complete(rows)} of {len(rows)} in all, are declared in the contract, served by the"
        " service, callable by that name on the SDK's client, and tested over HTTP against the"
        " stored data.\n\n"
        f"{table(head, rows)}"
    )


def _endpoint_row(endpoint: Endpoint, client: SyncClient) -> tuple[str, ...]:
    area, _, verb = endpoint.name.partition(".")
    callable_ = callable(getattr(getattr(client, area), verb, None))
    facts = (True, endpoint.name in HANDLERS, callable_, endpoint.name in CASES)
    return (
        f"`{endpoint.name}`",
        f"{endpoint.method} `{endpoint.path}`",
        endpoint.seed,
        *("yes" if fact else "no" for fact in facts),
    )


def _complete(rows: Iterable[tuple[str, ...]]) -> int:
    return sum("no" not in row for row in rows)


def _entries() -> str:
    api = [one for one in ENTRIES.values() if one.endpoints]
    module = [one for one in ENTRIES.values() if not one.endpoints]
    behaviour = "tests of the behaviour"
    reasons = [(f"`{name}`", aspect, reason) for (name, aspect), reason in EXEMPT.items()]
    return "".join(
        (
            "## The test of each entry\n\n"
            f"Tests hold {_held_count()} of the {len(ENTRIES)} entries of the five documents: each"
            " endpoint and object of 002 to 004, and each name of the module in 000 and 001. A test"
            " that is listed here fails unless it uses the entry: requests that endpoint from a"
            " running service, calls that function, or passes a member of that enum to one.\n\n"
            "The last column lists the tests of the documented behaviour, to run with"
            " `make test ARGS='…'`. The numbers count the cases of the tests that check one aspect"
            " of every entry:\n\n",
            *_aspect_lines(),
            "\n### Documents 002 to 004\n\n",
            table(
                ("entry", "section", *_API, behaviour), (_row(one, _API, _titles) for one in api)
            ),
            "\n### Documents 000 and 001\n\n",
            table(
                ("name", "documents", *_MODULE, behaviour),
                (_row(one, _MODULE, _numbers) for one in module),
            ),
            "\n### What no test checks\n\n",
            table(("entry", "aspect", "reason"), reasons),
        )
    )


def _held_count() -> int:
    return len(ENTRIES) - len({name for name, _ in missing()})


def _aspect_lines() -> Iterator[str]:
    for aspect, what in _ASPECTS.items():
        tests: dict[str, None] = {}
        for (_, one), found in holders().items():
            if one == aspect:
                tests |= dict.fromkeys(test.partition("[")[0] for test in found)
        yield f"- **{aspect}**: {what}. {', '.join(f'`{test}`' for test in tests)}\n"


def _row(
    entry: Entry, aspects: tuple[str, ...], documents: Callable[[Entry], str]
) -> tuple[str, ...]:
    counts = (len(holders().get((entry.name, aspect), ())) for aspect in aspects)
    tests = holders().get((entry.name, "behaviour"), ())
    return (
        f"`{entry.name}`",
        documents(entry),
        *(str(count) if count else "" for count in counts),
        ", ".join(f"`{test}`" for test in tests) or "no",
    )


def _titles(entry: Entry) -> str:
    """Return the titles of the entry's sections, each with the documents that have it."""
    titles: dict[str, list[str]] = {}
    for number, title in entry.sections.items():
        titles.setdefault(title, []).append(number)
    return "; ".join(f"{', '.join(numbers)}: {title}" for title, numbers in titles.items())


def _numbers(entry: Entry) -> str:
    return ", ".join(entry.sections) or "referred to"
