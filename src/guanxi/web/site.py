"""A set of pages: their templates, navigation, static files and responses."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from guanxi.text import Language, Text
from guanxi.web import forms, language, shown
from guanxi.web.headers import security_headers
from guanxi.web.paths import FILES, LANGUAGE, STATIC

_YEAR = 365 * 86_400


class Entry(NamedTuple):
    """An entry of the navigation: its path and its name."""

    path: str
    name: Text


class Notice(NamedTuple):
    """What just happened, for the top of the next page. ``kind`` is ``done`` or ``refused``."""

    kind: str
    text: Text

    @classmethod
    def refused(cls, error: Exception) -> Notice:
        """Return the notice of what could not be done: the error's text, in both languages."""
        first = error.args[0] if error.args else ""
        return cls("refused", first if isinstance(first, Text) else Text.of(str(error)))


class File(NamedTuple):
    """A static file, and the first characters of its digest."""

    body: bytes
    kind: str
    version: str


@cache
def file_of(package: str, name: str, kind: str) -> File:
    """Return a static file of a package, read once per process."""
    body = files(package).joinpath("static", name).read_bytes()
    return File(body, kind, hashlib.sha256(body).hexdigest()[:12])


@cache
def _templates(packages: tuple[str, ...]) -> Environment:
    """Return the templates of packages, which a process compiles once."""
    found = Environment(
        loader=ChoiceLoader([PackageLoader(one) for one in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "grouped": shown.grouped,
        "visible": shown.visible,
        "visible_lines": shown.visible_lines,
        "letter": shown.letter,
        "colour": shown.colour,
        "sentence": lambda text: text[:1].upper() + text[1:],
        "segment": lambda text: quote(text, safe=""),
    }
    found.globals |= {"iso": shown.iso}
    return found


class Site:
    """The pages of one address, which share a name, a navigation and a look.

    ``packages`` are those with a folder ``templates``, looked through in this order, then the
    shared ones. ``key`` signs the csrf tokens: a secret that all processes of a service share.
    """

    def __init__(
        self,
        name: Text,
        entries: Sequence[Entry],
        packages: Iterable[str],
        *,
        key: bytes | None = None,
        image_hosts: Iterable[str] = (),
    ) -> None:
        self.name, self.entries = name, tuple(entries)
        self.key = key or secrets.token_bytes(32)
        #: The hosts whose images the pages show.
        self.image_hosts = frozenset(image_hosts)
        policy = security_headers(sorted(self.image_hosts))
        self._headers = policy | {"Cache-Control": "no-store"}
        self._templates = _templates((*packages, "guanxi.web"))

    def look(self, request: Request) -> Look:
        """Return how a request's pages look."""
        return Look(self, request)

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        notice: Notice | None = None,
        shown_at: str = "",
        **values: Any,
    ) -> Response:
        """Return a page, or a part of one, with its headers; with a form, the browser's cookie.

        ``shown_at`` is the path of the page that a part is for, if it is not the request's own:
        addresses are relative to it.
        """
        look, browser, new = Look(self, request, shown_at), forms.browser_id(request), ""

        def csrf() -> str:
            nonlocal new
            new = new or ("" if browser else forms.new_id())
            return forms.csrf_of(self.key, browser or new)

        context = {
            "look": look,
            "t": look.text,
            "at": look.at,
            "time": look.time,
            "csrf": csrf,
            "notice": notice or _noticed(request),
            **values,
        }
        html = self._templates.get_template(template).render(context)
        response = HTMLResponse(html, status, self._headers)
        if new:
            set_cookie(request, response, forms.COOKIE, new)
        if _NOTICE_COOKIE in request.cookies:
            response.delete_cookie(_NOTICE_COOKIE, root(request))
        return response

    def refused(self, request: Request, error: Exception) -> Response:
        """Return the page of an HTTPException: what happened, and what to do next."""
        status = getattr(error, "status_code", 500)
        reason = getattr(error, "reason", None) or _REASONS.get(status, _FAILED)
        response = self.page(request, "refused.html", status=status, reason=reason)
        if "hx-request" in request.headers:  # what is shown stays, and is renewed next time
            response.headers["HX-Reswap"] = "none"
        return response

    def back(self, request: Request, path: str, done: Text | Notice | None = None) -> Response:
        """Return the redirect after a form, to a path of these pages, which shows the notice."""
        response = RedirectResponse(f"{root(request, '')}{path}", 303, self._headers)
        if done is not None:
            notice = done if isinstance(done, Notice) else Notice("done", done)
            value = quote("\x1f".join((notice.kind, notice.text.zh, notice.text.en)))
            set_cookie(request, response, _NOTICE_COOKIE, value, seconds=60)
        return response

    async def fields(self, request: Request) -> forms.Fields:
        """Return the fields of a form; see ``forms.fields_of``."""
        return await forms.fields_of(request, self.key)

    def routes(self) -> list[Route]:
        """Return the routes of the static files and of the switch of language."""
        return [
            *(
                Route(f"{STATIC}/{name}", static("guanxi.web", name, kind))
                for name, kind in FILES.items()
            ),
            Route(LANGUAGE, self._switch),
        ]

    async def _switch(self, request: Request) -> Response:
        path = forms.local_path(request.query_params.get("back", "/"))
        response = RedirectResponse(f"{root(request, '')}{path}", 303, self._headers)
        chosen = request.query_params.get("to", "")
        if chosen in ("zh", "en"):
            set_cookie(request, response, language.COOKIE, chosen, seconds=_YEAR)
        return response


class Look:
    """How one request's pages look: language, zone, addresses."""

    def __init__(self, site: Site, request: Request, shown_at: str = "") -> None:
        """``shown_at`` is the path of the page, that of the request if it is empty."""
        self.site, self._request = site, request
        cookies = request.cookies
        self.language: Language = language.language_of(
            cookies.get(language.COOKIE), request.headers.get("accept-language", "")
        )
        self.zone_name = cookies.get(shown.ZONE_COOKIE, "")
        #: The person's time zone, UTC until the browser has named it.
        self.zone = shown.zone_named(self.zone_name)
        if str(self.zone) != self.zone_name:
            self.zone_name = "UTC"
        self.path = shown_at or path_of(request)
        self._up = "../" * (self.path.count("/") - 1) or "./"

    def text(self, text: Text | str, english: str | None = None) -> str:
        """Return a text in the page's language: of a Text, or of two texts ``zh, en``."""
        both = Text.of(text) if english is None else Text(str(text), english)
        return both.into(self.language)

    def at(self, path: str) -> str:
        """Return a path of the service relative to this page: it may be mounted anywhere."""
        return self._up + path.removeprefix("/")

    def image(self, address: str | None) -> str:
        """Return the address of an image over HTTPS, "" unless it is on one of the site's hosts."""
        if not address or not self.site.image_hosts:
            return ""
        try:
            parts = urlsplit(address)
        except ValueError:
            return ""
        is_ours = parts.scheme in ("http", "https", "") and parts.netloc in self.site.image_hosts
        return parts._replace(scheme="https").geturl() if is_ours else ""

    def static(self, name: str) -> str:
        """Return the address of a shared file, which changes with the file."""
        return f"{self.at(STATIC)}/{name}?v={file_of('guanxi.web', name, FILES[name]).version}"

    def time(self, seconds: float, *, short: bool = False) -> Markup:
        """Return a Unix time as an element, in the person's zone as far as it is known.

        If ``short``, the day is in its title alone.
        """
        whole = shown.local(seconds, self.zone)
        if short:
            return Markup('<time class="short" datetime="{}" title="{}">{}</time>').format(
                shown.iso(seconds), whole, whole[-8:]
            )
        return Markup('<time datetime="{}">{}</time>').format(shown.iso(seconds), whole)

    def is_current(self, entry: Entry) -> bool:
        """Return whether a page belongs to an entry of the navigation."""
        if entry.path == "/":
            return self.path == "/"
        return self.path == entry.path or self.path.startswith(f"{entry.path}/")

    @property
    def other(self) -> str:
        """Return the address that switches to the other language and comes back."""
        query = self._request.url.query
        back = quote(self.path + (f"?{query}" if query else ""), safe="")
        return f"{self.at(LANGUAGE)}?to={'en' if self.language == 'zh' else 'zh'}&back={back}"


_NOTICE_COOKIE = "guanxi_notice"
_FAILED = Text(
    "出现了意外的错误，服务的日志有其原因。请刷新页面再试。",
    "Something unexpected failed; the service's log has the cause. Reload the page and try again.",
)
_REASONS = {
    404: Text(
        "没有这个页面。请从上方的导航继续。",
        "There is no such page. Go on from the navigation above.",
    ),
    405: Text("此页面不接受这种请求。", "This page does not accept such a request."),
}


def static(package: str, name: str, kind: str) -> Any:
    """Return the handler of a static file, which browsers keep for a year by its version."""

    async def handle(request: Request) -> Response:
        file = file_of(package, name, kind)
        is_named = request.query_params.get("v") == file.version
        kept = f"public, max-age={_YEAR}, immutable" if is_named else "no-cache"
        headers = security_headers() | {"Cache-Control": kept, "ETag": f'"{file.version}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(None, 304, headers)
        return Response(file.body, headers=headers, media_type=file.kind)

    return handle


def path_of(request: Request) -> str:
    """Return the path of a request below the path that the application is mounted at."""
    path: str = request.scope["path"]
    mounted: str = request.scope.get("root_path", "").rstrip("/")
    if mounted and (path == mounted or path.startswith(f"{mounted}/")):
        path = path[len(mounted) :]
    return path or "/"


def root(request: Request, default: str = "/") -> str:
    """Return the path that the application is mounted at, ``default`` at the root."""
    return request.scope.get("root_path", "").rstrip("/") or default


def set_cookie(
    request: Request,
    response: Response,
    name: str,
    value: str,
    *,
    seconds: int | None = None,
    strict: bool = False,
) -> None:
    """Set a cookie that scripts cannot read, for ``seconds`` or until the browser is closed."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=root(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict" if strict else "lax",
    )


def _noticed(request: Request) -> Notice | None:
    parts = unquote(request.cookies.get(_NOTICE_COOKIE, "")).split("\x1f")
    if len(parts) != 3 or parts[0] not in ("done", "refused"):
        return None
    return Notice(parts[0], Text(parts[1], parts[2]))
