"""A list of an account as a table: filters, order, columns, saved views, notes, and plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from guanxi.manage import lists, plans, saved
from guanxi.manage.jobs import now
from guanxi.manage.lists import COLUMNS, FILTERS, LISTS, Query
from guanxi.manage.panel import ACCOUNT, Panel, words
from guanxi.text import Text
from guanxi.toolbox import labels, notes
from guanxi.toolbox.errors import ToolError
from guanxi.toolbox.planning import COMMANDS
from guanxi.toolbox.selection import Selection, Words
from guanxi.web.forms import Fields, Refusal
from guanxi.web.paging import block_of, whole_number, with_query
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

LIST = f"{ACCOUNT}/{{key}}/lists/{{name}}"
_PLAN, _KEEP, _VIEW, _FORGET = (f"{LIST}/{part}" for part in ("plan", "keep", "view", "forget"))
_NOTE = f"{LIST}/note/{{mid:int}}"
_LARGEST = 2**63 - 1
#: How many rows a block has: the first page is under 100 KB.
BLOCK = 80
_BY_HAND = Text("由你选择", "chosen by you")


class Action(NamedTuple):
    """What can be planned for chosen accounts of a list."""

    label: Text
    command: str
    #: Arguments of ``plans.make``.
    options: Mapping[str, bool] = {}
    #: Whether it needs the name of a group.
    group: bool = False


_BLOCK = Action(Text("拉黑", "Block"), "block")
_UNFOLLOW = Action(Text("取消关注", "Unfollow"), "unfollow")
#: By list, in the order of the menu.
ACTIONS: dict[str, dict[str, Action]] = {
    "followings": {
        "unfollow": _UNFOLLOW,
        "add": Action(Text("加入分组", "Add to a group"), "group", {"add": True}, group=True),
        "move": Action(Text("移到分组", "Move to a group"), "group", group=True),
        "special": Action(Text("设为特别关注", "Make special"), "special"),
        "ordinary": Action(Text("取消特别关注", "Make ordinary"), "special", {"off": True}),
        "block": _BLOCK,
    },
    "followers": {
        "follow": Action(Text("关注", "Follow"), "follow"),
        "remove": Action(Text("移除粉丝", "Remove as follower"), "remove-follower"),
        "block": _BLOCK,
    },
    "blocks": {"unblock": Action(Text("取消拉黑", "Unblock"), "unblock")},
    "whispers": {"block": _BLOCK},
}


class Chosen(NamedTuple):
    """The accounts that a form is about: a condition over the list, and why they are meant."""

    where: str
    because: Text


def verbs(panel: Panel) -> list[Verb]:
    """Return the page of a list, and its forms."""

    async def show(request: Request) -> Response:
        name = _name(request)
        view, values, notice = LISTS[name], dict(request.query_params), None
        try:
            query = Query.of(name, values)
        except ToolError as error:
            query, notice = Query.of(name, {}), Notice.refused(error)
        columns = _columns(name, ",".join(request.query_params.getlist("columns")))
        address = _address(query, columns)
        start = whole_number(values.get("start", ""))
        with panel.archive(request) as archive:
            newest = archive.newest()
            rows = lists.rows(archive, query, start, BLOCK + 1) if newest else []
            unread = lists.unread(archive, query) if newest and "last_posted" in columns else 0
            matching = lists.count(archive, query) if newest else 0
            total = lists.count(archive, Query(name)) if newest and query.filters else matching
            return await panel.page(
                request,
                "list.html",
                notice=notice,
                name=name,
                view=view,
                query=query,
                values=values if notice else query.filters,
                columns=columns,
                all_columns=COLUMNS,
                filters=FILTERS,
                block=block_of(rows, start, address, BLOCK),
                start=start,
                matching=matching,
                total=total,
                newest=newest,
                groups=lists.groups(archive),
                views=saved.views(archive, name),
                actions=ACTIONS[name],
                faces=lists.faces(archive, (row["mid"] for row in rows[:BLOCK])),
                unread=unread,
                unread_address=_address(query.narrowed("read", "no"), columns),
                identity=archive.identity,
                sorting=lambda column: _address(query.sorted_by(column), columns),
                saving=dict(_address_values(query, columns)),
                labels=labels,
            )

    async def plan(request: Request) -> Response:
        name, fields = _name(request), await panel.site.fields(request)
        back = _back(panel, request, fields)
        action = ACTIONS[name].get(fields.get("action", ""))
        if action is None:
            return panel.site.back(request, back, Notice.refused(ValueError(_NO_ACTION)))
        with panel.archive(request) as archive:
            try:
                chosen = _chosen(name, fields)
                made = plans.make(
                    archive,
                    action.command,
                    _selection(name, action.command, chosen, words(panel, request)),
                    now(),
                    words(panel, request),
                    to=(_group(fields),) if action.group else (),
                    **action.options,
                )
            except ToolError as error:
                return panel.site.back(request, back, Notice.refused(error))
        return panel.site.back(request, panel.account(request, f"/plans/{made.name}"))

    async def keep(request: Request) -> Response:
        name, fields = _name(request), await panel.site.fields(request)
        with panel.archive(request) as archive:
            try:
                mids = lists.mids(archive, name, _chosen(name, fields).where)
                if fields.get("on"):
                    reason = words(panel, request)(_BY_HAND)
                    notes.keep(archive, mids, reason, now())
                else:
                    notes.unkeep(archive, mids)
            except ToolError as error:
                return panel.site.back(
                    request, _back(panel, request, fields), Notice.refused(error)
                )
        kept = f"已标记保留 {len(mids)} 个", f"{len(mids)} are marked to be kept"
        free = f"已取消标记 {len(mids)} 个", f"{len(mids)} are no longer marked"
        done = Text(*(kept if fields.get("on") else free))
        return panel.site.back(request, _back(panel, request, fields), done)

    async def note(request: Request) -> Response:
        is_shown = "shown" in request.query_params
        return await noted(request, "_note.html" if is_shown else "_note_form.html")

    async def noted(request: Request, part: str) -> Response:
        """Return the page of a note, or a part of the table if htmx requests it."""
        name, mid = _name(request), request.path_params["mid"]
        is_part, base = "hx-request" in request.headers, panel.account(request, f"/lists/{name}")
        with panel.archive(request) as archive:
            found = archive.rows("SELECT name FROM accounts WHERE mid = ?", (mid,))
            return await panel.page(
                request,
                part if is_part else "note.html",
                shown_at=base if is_part else "",
                name=name,
                mid=mid,
                who=found[0]["name"] if found else "",
                text=notes.note_of(archive, mid) or "",
                identity=archive.identity,
                base=base,
                labels=labels,
            )

    async def write(request: Request) -> Response:
        fields = await panel.site.fields(request)
        with panel.archive(request) as archive:
            text = fields.get("text", "").strip()
            notes.write_note(archive, request.path_params["mid"], text, now())
        if "hx-request" in request.headers:
            return await noted(request, "_note.html")
        done = Text("备注已保存", "The note is saved")
        return panel.site.back(request, panel.account(request, f"/lists/{_name(request)}"), done)

    async def view(request: Request) -> Response:
        name, fields = _name(request), await panel.site.fields(request)
        kept = {key: value for key, value in fields.items() if key in _KEPT and value}
        with panel.archive(request) as archive:
            try:
                saved.save(archive, name, fields.get("view", ""), kept)
            except ToolError as error:
                return panel.site.back(
                    request, _back(panel, request, fields), Notice.refused(error)
                )
        done = Text("视图已保存", "The view is saved")
        return panel.site.back(request, _back(panel, request, fields), done)

    async def forget(request: Request) -> Response:
        name, fields = _name(request), await panel.site.fields(request)
        with panel.archive(request) as archive:
            saved.forget(archive, name, fields.get("view", ""))
        done = Text("视图已删除", "The view is deleted")
        return panel.site.back(request, _back(panel, request, fields), done)

    return [
        ("GET", LIST, show),
        ("POST", _PLAN, plan),
        ("POST", _KEEP, keep),
        ("GET", _NOTE, note),
        ("POST", _NOTE, write),
        ("POST", _VIEW, view),
        ("POST", _FORGET, forget),
    ]


#: What a saved view keeps of an address.
_KEPT = frozenset({*FILTERS, "sort", "order", "columns"})


def _name(request: Request) -> str:
    """Return the name of the list in a request's path. Raise Refusal, with HTTP 404."""
    name: str = request.path_params["name"]
    if name not in LISTS:
        raise Refusal(404, Text("没有这个列表。", "There is no such list."))
    return name


def _columns(name: str, given: str) -> tuple[str, ...]:
    """Return the columns of an address in the list's order; without any, those shown by default."""
    chosen = {*given.split(",")}
    return tuple(one for one in LISTS[name].columns if one in chosen) or LISTS[name].shown


def _address_values(query: Query, columns: Sequence[str]) -> dict[str, str]:
    values = query.values()
    if tuple(columns) != LISTS[query.list].shown:
        values["columns"] = ",".join(columns)
    return values


def _address(query: Query, columns: Sequence[str]) -> str:
    """Return the address of a list's page, relative to the page that shows it."""
    return with_query(f"./{query.list}", _address_values(query, columns))


def _back(panel: Panel, request: Request, fields: Mapping[str, str]) -> str:
    """Return the path of the list that a form was on, with its filters."""
    kept = {key: value for key, value in fields.items() if key in _KEPT}
    return with_query(panel.account(request, f"/lists/{request.path_params['name']}"), kept)


def _chosen(name: str, fields: Fields) -> Chosen:
    """Return the accounts that a form is about. Raise SelectionError for none.

    They are those of its fields ``chosen``; with ``whole`` everybody who matches the filters.
    """
    query = Query.of(name, fields)
    if fields.get("whole"):
        return Chosen(query.where, query.because)
    texts = fields.every("chosen")
    mids = [mid for mid in (whole_number(text, most=_LARGEST) for text in texts) if mid]
    if not mids:
        raise ToolError("请先选择账号", "choose accounts first")
    return Chosen(lists.among(mids), _BY_HAND)


def _selection(name: str, command: str, chosen: Chosen, language: Words) -> Selection:
    """Return the selection of a plan; its view may be another one than that of the list."""
    where = chosen.where
    if COMMANDS[command].view != name:
        where = f"mid IN (SELECT mid FROM {name} WHERE {where})"
    return Selection(where=where, because=language(chosen.because))


def _group(fields: Mapping[str, str]) -> str:
    return fields.get("group_name", "")


_NO_ACTION = Text("请选择要做什么", "choose what to do")
