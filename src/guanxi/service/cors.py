"""Answer browsers whose page has another origin (CORS): closed unless the origin is allowed.

An allowed origin may send the user's cookies, so origins are exact; there is no wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import urlsplit

from guanxi.contract.params import echoed
from guanxi.text import Text

#: Header pairs as ASGI has them.
Pairs = tuple[tuple[bytes, bytes], ...]

#: Seconds that a browser may remember a preflight; Chromium keeps none longer.
_MAX_AGE = (b"access-control-max-age", b"7200")
_CREDENTIALS = (b"access-control-allow-credentials", b"true")
#: The response headers that a page may read in addition to those that every page may.
_EXPOSED = (b"access-control-expose-headers", b"retry-after, x-request-id")
_VARY = (b"vary", b"origin")
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


def allowed(origins: Iterable[str]) -> frozenset[bytes]:
    """Return the configured origins as browsers send them."""
    return frozenset(origin.encode() for origin in origins)


def response_headers(origins: Collection[bytes], sent: Iterable[tuple[bytes, bytes]]) -> Pairs:
    """Return the headers to add to a response; ``sent`` are the request's headers.

    Those that let a page read it are only there if its origin is one of ``origins``.
    """
    origin = dict(sent).get(b"origin", b"")
    if origin not in origins:
        return (_VARY,)
    return (_VARY, (b"access-control-allow-origin", origin), _CREDENTIALS, _EXPOSED)


def preflight(
    origins: Collection[bytes], sent: Iterable[tuple[bytes, bytes]], methods: str
) -> Pairs | None:
    """Return the headers of the response to a preflight request from one of ``origins``.

    ``methods`` are those of the requested path. All requested headers are allowed. Return None for
    another origin, and for what is no preflight.
    """
    headers = dict(sent)
    origin = headers.get(b"origin", b"")
    if origin not in origins or b"access-control-request-method" not in headers:
        return None
    requested = headers.get(b"access-control-request-headers")
    allowed = ((b"access-control-allow-headers", requested),) if requested else ()
    return (
        _VARY,
        (b"access-control-allow-origin", origin),
        _CREDENTIALS,
        (b"access-control-allow-methods", methods.encode()),
        *allowed,
        _MAX_AGE,
    )


def refusal(origins: Collection[bytes], sent: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the reason for which a preflight request to an endpoint is refused.

    Return "" if its origin is one of ``origins``, and for what is no preflight.
    """
    headers = dict(sent)
    origin = headers.get(b"origin", b"")
    if not origin or origin in origins or b"access-control-request-method" not in headers:
        return ""
    shown = echoed(origin.decode("latin-1")) or "it"
    return f"Origin: {shown} is not in cors_origins"


#: What ``Sec-Fetch-Site`` says of requests of the same origin; ``none`` is a person's navigation.
SAME_ORIGIN = frozenset({b"same-origin", b"none"})
#: And of pages whose domain belongs to the same owner.
SAME_SITE = SAME_ORIGIN | {b"same-site"}


def foreign(
    headers: Mapping[bytes, bytes], origins: Collection[bytes], sites: Collection[bytes]
) -> str:
    """Return why a request comes from a page of another origin; "" if nothing says so.

    Browsers send ``Origin`` with every request that is not safe, and ``Sec-Fetch-Site`` with all;
    no page can forge either. The latter, which must be in ``sites``, counts if both are there. A
    page of one of ``origins`` is not foreign.
    """
    origin = headers.get(b"origin", b"")
    if origin in origins:
        return ""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return "" if site in sites else "Sec-Fetch-Site: a page of another origin sent this"
    same = origin.partition(b"://")[2].lower() == headers.get(b"host", b"").lower()
    return "" if same or not origin else "Origin: a page of another origin sent this"


def unfit_origin(origin: str) -> Text | None:
    """Return why ``origin`` is never what a browser sends as an http(s) page's Origin, or None."""
    if origin == "*":
        return Text(
            "不支持 *：允许的来源可带 cookie，须逐一列出",
            "* is not supported: an allowed origin may send cookies, so list each",
        )
    try:
        parts = urlsplit(origin)
        scheme, port = parts.scheme, parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:  # UnicodeError is one
        scheme, host, port = "", "", None
    if scheme not in _PORTS or not _HOST.fullmatch(host):
        return Text(
            f"{origin!r} 不是来源，例：https://app.example.com",
            f"{origin!r} is not an origin; an example is https://app.example.com",
        )
    name = f"[{host}]" if ":" in host else host
    exact = f"{scheme}://{name}" if port in (None, _PORTS[scheme]) else f"{scheme}://{name}:{port}"
    if origin != exact:
        return Text(f"须与浏览器所发一致：{exact}", f"write it as browsers send it: {exact}")
    return None
