"""Files: write the lists into one, and read one, which is previewed before it becomes a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from guanxi.manage import imports
from guanxi.manage.jobs import now
from guanxi.manage.lists import groups as groups_of
from guanxi.manage.panel import ACCOUNT, Panel, words
from guanxi.text import Text
from guanxi.toolbox import exchange, labels
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import PlanError, ToolError
from guanxi.toolbox.snapshots import LISTS
from guanxi.web.forms import Refusal
from guanxi.web.headers import security_headers
from guanxi.web.routing import Verb
from guanxi.web.site import Notice
from guanxi.web.uploads import upload_of

TRANSFER = f"{ACCOUNT}/{{key}}/transfer"
_EXPORT = f"{TRANSFER}/export"
_UPLOAD = f"{TRANSFER}/{{upload}}"
_KINDS = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


def verbs(panel: Panel) -> list[Verb]:
    """Return the page of files, the file that is written, the preview of one, and its plan."""

    async def show(request: Request) -> Response:
        with panel.archive(request) as archive:
            return await panel.page(
                request,
                "transfer.html",
                identity=archive.identity,
                newest=archive.newest(),
                lists=LISTS,
                labels=labels,
                most=imports.MOST >> 20,
            )

    async def export(request: Request) -> Response:
        query = request.query_params
        kind = query.get("format", "jsonl")
        lists = [name for name in query.getlist("list") if name in LISTS]
        if kind not in _KINDS:
            raise Refusal(400, Text("格式须为 jsonl 或 csv。", "The format is jsonl or csv."))
        with panel.archive(request) as archive:
            path, name = archive.path, f"guanxi-{archive.identity.mid}.{kind}"
        headers = security_headers() | {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{name}"',
        }
        body = _body(Archive.open(path), kind, lists)
        return StreamingResponse(body, headers=headers, media_type=_KINDS[kind])

    async def upload(request: Request) -> Response:
        page = panel.account(request, "/transfer")
        with panel.archive(request) as archive, imports.keeping(archive) as (name, file):
            fields = await upload_of(request, panel.site.key, file, imports.MOST)
        if not fields.get("file"):
            return panel.site.back(request, page, Notice.refused(ValueError(_NO_FILE)))
        return panel.site.back(request, f"{page}/{name}")

    async def preview(request: Request) -> Response:
        with panel.archive(request) as archive:
            try:
                found = imports.preview(archive, request.path_params["upload"])
            except PlanError as error:
                raise Refusal(404, error.args[0]) from None
            except ToolError as error:
                page = panel.account(request, "/transfer")
                return panel.site.back(request, page, Notice.refused(error))
            return await panel.page(
                request,
                "import.html",
                identity=archive.identity,
                found=found,
                groups=groups_of(archive),
                upload=request.path_params["upload"],
                labels=labels,
            )

    async def plan(request: Request) -> Response:
        fields = await panel.site.fields(request)
        upload = request.path_params["upload"]
        with panel.archive(request) as archive:
            try:
                made = imports.make(
                    archive,
                    upload,
                    now(),
                    words(panel, request),
                    to=fields.get("group_name", "").strip(),
                    blocks=bool(fields.get("blocks")),
                    marks=bool(fields.get("marks")),
                )
            except ToolError as error:
                page = panel.account(request, f"/transfer/{upload}")
                return panel.site.back(request, page, Notice.refused(error))
        return panel.site.back(request, panel.account(request, f"/plans/{made.name}"))

    return [
        ("GET", TRANSFER, show),
        ("POST", TRANSFER, upload),
        ("GET", _EXPORT, export),
        ("GET", _UPLOAD, preview),
        ("POST", _UPLOAD, plan),
    ]


def _body(archive: Archive, kind: str, lists: Sequence[str]) -> Iterator[bytes]:
    """Yield a file in parts of some lines, and close the archive at its end."""
    with archive:
        yield from exchange.encoded(kind, exchange.lines(archive, *lists))


_NO_FILE = Text("请先选择文件", "choose a file first")
