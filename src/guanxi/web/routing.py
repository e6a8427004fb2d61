"""From the handlers of pages to routes: one for each path, which knows all its methods."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Handler = Callable[[Request], Awaitable[Response]]
#: A method, a path and its handler.
Verb = tuple[str, str, Handler]


def routes_of(verbs: Iterable[Verb]) -> list[Route]:
    """Return the routes of handlers; HEAD is answered as GET, and a 405 names every method."""
    found: dict[str, dict[str, Handler]] = {}
    for method, path, handle in verbs:
        found.setdefault(path, {})[method] = handle
    return [Route(path, _by_method(of), methods=[*of]) for path, of in found.items()]


def _by_method(handlers: Mapping[str, Handler]) -> Handler:
    async def handle(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return handle
