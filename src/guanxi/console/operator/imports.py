"""Import: upload a file, see what it would do, and run exactly that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast, get_args

from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from guanxi.accounts.administrators import Scope
from guanxi.console.operator.desk import Change, Desk
from guanxi.console.operator.folder import Folder
from guanxi.console.operator.jobs import Job, Jobs
from guanxi.console.operator.tasks import SHAPES, Import, Imported
from guanxi.files.found_out import COUNTS
from guanxi.files.outcome import OnConflict
from guanxi.text import Text
from guanxi.web.forms import Fields, Refusal
from guanxi.web.routing import Verb
from guanxi.web.site import Notice
from guanxi.web.uploads import keeping, kept, upload_of

PATH = "/import"
_UPLOAD = f"{PATH}/{{upload}}"
#: The most bytes of a file, and how many are kept.
MOST, _KEPT = 1 << 30, 5
_LONGEST_NAME = 100
KINDS = {
    "edges": Text(
        "关系（关注、悄悄关注、黑名单、请求）", "relations: follows, whispers, blocks, requests"
    ),
    "accounts": Text("账号（名片、隐私、状态、键）", "accounts: cards, privacy, states, keys"),
    "content": Text("内容（JSON Lines）", "content, such as videos"),
}
RULES = {
    "newest": Text("保留最新的", "keep the newest"),
    "oldest": Text("保留最旧的", "keep the oldest"),
    "refuse": Text("拒绝", "refuse them"),
}


class Imports:
    """The uploads of this process: what they are called, and the newest preview of each."""

    def __init__(self, desk: Desk, jobs: Jobs, folder: Folder) -> None:
        self._desk, self._jobs, self._folder = desk, jobs, folder
        self._names: dict[str, str] = {}
        self._previews: dict[str, Job] = {}
        #: The newest that was run, None before the first.
        self._last: Job | None = None

    def verbs(self) -> list[Verb]:
        """Return the page with the form, the page of an upload, and what runs it."""
        return [
            ("GET", PATH, self._show),
            ("POST", PATH, self._upload),
            ("GET", _UPLOAD, self._preview),
            ("POST", _UPLOAD, self._chosen),
        ]

    async def _show(self, request: Request) -> Response:
        uploads = [(name, one) for name, one in self._names.items() if self._kept(name)]
        return await self._desk.page(
            request,
            "import.html",
            path=PATH,
            most=MOST >> 20,
            kinds=KINDS,
            running=self._jobs.running,
            last=self._last,
            count_names=COUNTS,
            uploads=uploads[::-1],
        )

    async def _upload(self, request: Request) -> Response:
        await self._desk.token(request, Scope.WRITE)  # before anything is written
        try:
            with keeping(self._folder.ready(), _KEPT) as (name, file):
                fields = await upload_of(request, self._desk.site.key, file, MOST)
        except OSError as error:
            raise Refusal(507, _not_written(error)) from None
        chosen = Path(fields.get("file", "").replace("\\", "/")).name[:_LONGEST_NAME]
        if not chosen:
            path = self._kept(name)
            if path is not None:
                path.unlink(missing_ok=True)
            return self._desk.site.back(request, PATH, Notice("refused", _NO_FILE))
        self._names = {one: called for one, called in self._names.items() if self._kept(one)}
        self._previews = {one: job for one, job in self._previews.items() if one in self._names}
        self._names[name] = chosen
        what = fields.get("what", "")
        task = self._task(name, Fields([("what", what)]))
        return await self._start_preview(request, name, task)

    async def _preview(self, request: Request) -> Response:
        name = self._name(request)
        job, running = self._previews.get(name), self._jobs.running
        is_own = running is not None and running.path == f"{PATH}/{name}"
        return await self._desk.page(
            request,
            "import_file.html",
            path=f"{PATH}/{name}",
            name=self._called(name),
            job=running if is_own else None,
            busy=None if is_own else running,
            failure=job.failure if job is not None else None,
            task=job.task if job is not None else self._task(name, Fields([])),
            found=job.outcome if job is not None and isinstance(job.outcome, Imported) else None,
            shapes=SHAPES,
            kinds=KINDS,
            rules=RULES,
            count_names=COUNTS,
        )

    async def _chosen(self, request: Request) -> Response:
        fields, name = await self._desk.fields(request), self._name(request)
        task = self._task(name, fields)
        if fields.get("do") != "run":
            return await self._start_preview(request, name, task)
        job = self._previews.get(name)
        if job is None or job.goes_on or not self._is_of(job, task):
            notice = Notice("refused", _LOOK_FIRST)
            return await self._start_preview(request, name, task, notice)
        assert isinstance(job.outcome, Imported)  # noqa: S101  # as it is of the task
        refused = job.outcome.counts.refused
        if job.outcome.missing or (refused and not (task.skip_bad and task.what in SHAPES)):
            return self._desk.site.back(request, f"{PATH}/{name}", Notice("refused", _BAD_LINES))
        called = _importing(self._called(name))
        running = Job(called, PATH, replace(task, dry_run=False), self._now())
        change = Change(f"import {task.what}")
        refusal = await self._jobs.start(request, change, running, self._imported(name))
        if refusal is None:
            self._last = running
        return self._desk.site.back(request, PATH, refusal)

    @staticmethod
    def _is_of(job: Job, task: Import) -> bool:
        """Return whether a preview is one of a task: it shows all lines, also those left out."""
        before = job.task
        return (
            isinstance(job.outcome, Imported)
            and isinstance(before, Import)
            and replace(before, skip_bad=task.skip_bad) == task
        )

    async def _start_preview(
        self, request: Request, name: str, task: Import, notice: Notice | None = None
    ) -> Response:
        page = f"{PATH}/{name}"
        job = Job(_reading(self._called(name)), page, task, self._now())
        before = self._previews.get(name)
        self._previews[name] = job
        change = Change(f"import {task.what} --dry-run")
        refusal = await self._jobs.start(request, change, job)
        if refusal is not None:
            self._previews.pop(name)
            if before is not None:
                self._previews[name] = before
        return self._desk.site.back(request, page, refusal or notice)

    def _imported(self, name: str) -> Callable[[Job], None]:
        """Return what to do once an upload was imported: it has no use any more."""

        def done(job: Job) -> None:
            path = self._kept(name)
            if job.outcome is not None and path is not None:
                path.unlink(missing_ok=True)

        return done

    def _kept(self, name: str) -> Path | None:
        try:
            return kept(self._folder.ready(), name)
        except OSError:
            return None

    def _name(self, request: Request) -> str:
        """Return the name of a request's upload; raise HTTPException (404) without it."""
        name = str(request.path_params["upload"])
        if self._kept(name) is None:
            raise HTTPException(404)
        return name

    def _called(self, name: str) -> str:
        return self._names.get(name, name)

    def _now(self) -> int:
        return self._desk.service.now()

    def _task(self, name: str, fields: Fields) -> Import:
        """Return the preview that the fields of a form choose; other values are the usual ones."""
        what, rule = fields.get("what", ""), fields.get("on_conflict", "")
        what = what if what in KINDS else "edges"
        columns = {
            column: chosen
            for column in _columns(what)
            if (chosen := fields.get(f"column.{column}", ""))
        }
        return Import(
            what=what,
            file=str(self._folder.ready() / f"{name}.upload"),
            name=self._called(name),
            columns=columns,
            on_conflict=cast(OnConflict, rule if rule in get_args(OnConflict) else "newest"),
            skip_bad=bool(fields.get("skip_bad")),
            strict=bool(fields.get("strict")),
            restore=bool(fields.get("restore")),
        )


def _columns(what: str) -> Iterable[str]:
    return SHAPES[what].names if what in SHAPES else ()


def _importing(name: str) -> Text:
    return Text(f"导入 {name}", f"Import of {name}")


def _reading(name: str) -> Text:
    return Text(f"预览 {name}", f"Preview of {name}")


def _not_written(error: OSError) -> Text:
    return Text(
        f"文件无法写入：{error.strerror}。请检查磁盘与控制台的文件夹。",
        f"The file cannot be written: {error.strerror}. Look at the disk and the console's folder.",
    )


_NO_FILE = Text("请先选择文件", "choose a file first")
_LOOK_FIRST = Text(
    "选项已改变，没有导入：请先看新的预览。",
    "Nothing was imported, as the options have changed: look at the new preview first.",
)
_BAD_LINES = Text(
    "没有导入：文件有无效的行。请修正文件，或选择导入其余的行。",
    "Nothing was imported: lines are invalid. Mend the file, or choose to import the rest.",
)
