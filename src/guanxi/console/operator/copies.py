"""Export and backup: files that the service writes next to its store, and their download."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from guanxi.accounts.administrators import Scope
from guanxi.console.operator.desk import Change, Desk
from guanxi.console.operator.folder import Folder
from guanxi.console.operator.jobs import Job, Jobs
from guanxi.console.operator.tasks import Backup, Export, Task
from guanxi.operations.audit import Act
from guanxi.stores import is_server_address
from guanxi.text import Text
from guanxi.web.headers import security_headers
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

PATH = "/copies"
_FILE = f"{PATH}/{{name}}"
WHAT = {
    "edges": Text("关系", "relations"),
    "accounts": Text("账号", "accounts"),
    "content": Text("内容", "content"),
}
FORMS = {
    ".csv": Text("CSV", "CSV"),
    ".csv.gz": Text("CSV，gzip 压缩", "CSV, compressed by gzip"),
    ".jsonl": Text("JSON Lines", "JSON Lines"),
    ".jsonl.gz": Text("JSON Lines，gzip 压缩", "JSON Lines, compressed by gzip"),
}


class Copies:
    """The page, the files on it, and the forms that make and delete them."""

    def __init__(self, desk: Desk, jobs: Jobs, folder: Folder) -> None:
        self._desk, self._jobs, self._folder = desk, jobs, folder

    def verbs(self) -> list[Verb]:
        """Return the page, its forms, and the files."""
        return [
            ("GET", PATH, self._show),
            ("POST", f"{PATH}/export", self._export),
            ("POST", f"{PATH}/backup", self._back_up),
            ("GET", _FILE, self._download),
            ("POST", f"{_FILE}/delete", self._delete),
        ]

    async def _show(self, request: Request) -> Response:
        store, last = self._desk.operated.store, self._jobs.last(Export, Backup)
        info = await self._desk.store.info()
        return await self._desk.page(
            request,
            "copies.html",
            path=PATH,
            running=self._jobs.running,
            last=last if last is not None and not last.goes_on else None,
            what=WHAT,
            forms=FORMS,
            files=await asyncio.to_thread(self._folder.files),
            is_temporary=self._folder.is_temporary,
            is_file=not is_server_address(store),
            backed_up=info.backed_up,
        )

    async def _export(self, request: Request) -> Response:
        fields = await self._desk.fields(request)
        what, form = fields.get("what", ""), fields.get("form", "")
        if what not in WHAT or form not in FORMS:
            raise HTTPException(400)
        name = Text(f"导出{WHAT[what].zh}", f"Export of {WHAT[what].en}")
        return await self._start(request, f"export {what}", name, what, form)

    async def _back_up(self, request: Request) -> Response:
        await self._desk.fields(request)
        store = self._desk.operated.store
        if is_server_address(store):
            raise HTTPException(400)
        try:
            size, free = await asyncio.to_thread(self._space, store)
        except OSError as error:
            return self._desk.site.back(request, PATH, _not_written(error))
        if size > free:
            return self._desk.site.back(request, PATH, Notice("refused", _NO_SPACE))
        return await self._start(request, "backup", Text("备份", "Backup"), "backup", ".db")

    def _space(self, store: str) -> tuple[int, int]:
        """Return the bytes of a store's file, and how many are free for a copy of it."""
        return os.path.getsize(store), shutil.disk_usage(self._folder.ready()).free

    async def _start(
        self, request: Request, route: str, name: Text, kind: str, ending: str
    ) -> Response:
        try:
            file = str(self._folder.new(kind, ending))
        except OSError as error:
            return self._desk.site.back(request, PATH, _not_written(error))
        task: Task = Backup(file=file) if kind == "backup" else Export(what=kind, file=file)
        job = Job(name, PATH, task, self._desk.service.now())
        refusal = await self._jobs.start(request, Change(route), job)
        return self._desk.site.back(request, PATH, refusal)

    async def _download(self, request: Request) -> Response:
        """Send a file to a token that may write: a backup signs in as everybody."""
        token = await self._desk.token(request, Scope.WRITE)
        path = self._found(request)
        act = Act()
        async with self._desk.recorded(token, Change("GET /copies/{name}"), act):
            act.status, act.detail = 200, path.name
        headers = security_headers() | {"Cache-Control": "no-store"}
        return FileResponse(
            path, headers=headers, filename=path.name, media_type="application/octet-stream"
        )

    async def _delete(self, request: Request) -> Response:
        await self._desk.fields(request)
        path = self._found(request)

        async def do(act: Act) -> Text:
            act.detail = path.name
            await asyncio.to_thread(os.unlink, path)
            return Text(f"已删除 {path.name}", f"{path.name} is deleted")

        notice = await self._desk.change(request, Change("DELETE /copies/{name}"), do)
        return self._desk.site.back(request, PATH, notice)

    def _found(self, request: Request) -> Path:
        path = self._folder.file(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        return path


def _not_written(error: OSError) -> Notice:
    return Notice(
        "refused",
        Text(
            f"控制台的文件夹无法写入：{error.strerror}",
            f"The console's folder cannot be written: {error.strerror}",
        ),
    )


_NO_SPACE = Text(
    "磁盘空间不足以存放备份。请删除旧文件，或让控制台的文件夹链接到另一磁盘。",
    "The disk has no room for a backup. Delete old files, or let the console's folder be a link to"
    " another disk.",
)
