"""The routes of the API's pages: the list of endpoints, each endpoint, and its code."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import BY_NAME
from guanxi.contract.sign import MIXIN
from guanxi.service.docs import described
from guanxi.service.docs.chinese import summary
from guanxi.service.docs.paths import CODE, DOCS, SCRIPT
from guanxi.service.docs.snippets import snippets
from guanxi.web import site

PACKAGE = "guanxi.service.docs"
#: What the demo adds to a page: who is signed in, and values to begin with.
More = Callable[[Request], Awaitable[Mapping[str, Any]]]


async def _nothing(_request: Request) -> Mapping[str, Any]:
    return {}


def routes(pages: site.Site, more: More = _nothing) -> list[Route]:
    """Return the routes of the pages. ``more`` returns values for their templates.

    They may be ``acting``, who is signed in, ``samples``, parameters to begin with, and ``now``,
    the service's time in seconds since the Unix epoch.
    """
    return [
        Route(DOCS, partial(_list, pages, more)),
        Route(SCRIPT, site.static(PACKAGE, "docs.js", "text/javascript")),
        Route(CODE, partial(_code, pages)),
        Route(f"{DOCS}/{{name}}", partial(_one, pages, more)),
    ]


async def _list(pages: site.Site, more: More, request: Request) -> Response:
    """Handle GET /docs: the endpoints, or those that contain the words of ``q``."""
    text = request.query_params.get("q", "")
    template = "_entries.html" if request.query_params.get("part") == "list" else "docs.html"
    return pages.page(request, template, **_values(text, None), **await more(request))


async def _one(pages: site.Site, more: More, request: Request) -> Response:
    """Handle GET /docs/{name}: an endpoint; parameters in the query fill in its form."""
    endpoint, added = _endpoint(request.path_params["name"]), dict(await more(request))
    samples = added.pop("samples", {})
    added.setdefault("now", time.time())
    fields = described.fields_of(endpoint.name)
    sampled = {one.name: samples[one.name] for one in fields if one.name in samples}
    query = dict(request.query_params)
    values = described.known(endpoint, query) if query else {}
    values = values or {one.name: sampled[one.name] for one in fields if one.name in sampled}
    return pages.page(
        request,
        "docs.html",
        **_values("", endpoint),
        **added,
        fields=fields,
        values=values,
        codes=described.codes_of(endpoint),
        logins=described.LOGINS,
        snippets=snippets(endpoint, values, _base_url(request)),
        mixin=",".join(map(str, MIXIN)) if endpoint.wbi else "",
        in_path=described.in_path(endpoint),
        script=_script(),
        bili_jct=request.cookies.get("bili_jct", "") if endpoint.writes else "",
    )


async def _code(pages: site.Site, request: Request) -> Response:
    """Handle GET /docs/code: the code of a request, for a form that is being filled in."""
    query = dict(request.query_params)
    endpoint = _endpoint(query.pop("endpoint", ""))
    values = described.known(endpoint, query)
    shown = snippets(endpoint, values, _base_url(request))
    return pages.page(request, "_snippets.html", snippets=shown)


def _values(text: str, endpoint: Endpoint | None) -> dict[str, Any]:
    return {
        "areas": described.areas(text),
        "q": text,
        "endpoint": endpoint,
        "summary": summary,
        "often": [(BY_NAME[name], what) for name, what in described.OFTEN.items()],
    }


def _endpoint(name: str) -> Endpoint:
    if name not in BY_NAME:
        raise HTTPException(404)
    return BY_NAME[name]


def _script() -> str:
    return site.file_of(PACKAGE, "docs.js", "text/javascript").version


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")
