"""Two accounts: how they are related, whom both follow, and the paths within two steps, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.operator.desk import Desk
from guanxi.contract.params import LARGEST
from guanxi.graph.lists import Window
from guanxi.graph.pair import Side, mtime_of
from guanxi.text import Text
from guanxi.web.paging import whole_number
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

PATH = "/two"
_COMMON, _THROUGH = 60, 5
_WIDTH, _ROW, _RADIUS = 480, 64, 17


class Node(NamedTuple):
    """An account in a drawing."""

    mid: int
    x: int
    y: int


class Arrow(NamedTuple):
    """Who follows whom in a drawing; ``tip`` is the path of the arrow's head."""

    kind: str
    x1: float
    y1: float
    x2: float
    y2: float
    tip: str


class Drawing(NamedTuple):
    """The paths from one account to another: what is drawn, the same in words, and through whom."""

    width: int
    height: int
    nodes: list[Node]
    lines: list[Arrow]
    summary: str
    through: list[int]


class Found(NamedTuple):
    """What is shown of two accounts."""

    sides: list[tuple[int, int, list[tuple[Text, int]]]]
    drawings: list[tuple[int, int, Drawing]]
    common: list[int]
    common_total: int


def verbs(desk: Desk) -> list[Verb]:
    """Return the page of two accounts."""

    async def show(request: Request) -> Response:
        query = request.query_params
        shown = {name: query.get(name, "").strip()[:20] for name in ("a", "b")}
        a, b = (whole_number(shown[name], most=LARGEST) for name in ("a", "b"))
        found, notice = None, None
        if any(shown.values()):
            known = await desk.store.accounts_of([mid for mid in {a, b} if mid])
            if a != b and {a, b} == known.keys():
                found = await _found(desk, request, a, b)
            else:
                notice = Notice("refused", _TWO)
        mids = set[int]()
        if found:
            through = (mid for *_, drawing in found.drawings for mid in drawing.through)
            mids = {a, b, *found.common, *through}
        return await desk.page(
            request,
            "two.html",
            status=404 if notice else 200,
            notice=notice,
            shown=shown,
            found=found,
            names=await desk.names([*mids]),
            path=PATH,
        )

    return [("GET", PATH, show)]


async def _found(desk: Desk, request: Request, a: int, b: int) -> Found:
    pair = await desk.store.pair(a, b)
    common = await desk.store.common(a, b, Window(0, _COMMON))
    look, drawings = desk.site.look(request), []
    for one, other, side in ((a, b, pair.mine), (b, a, pair.theirs)):
        through = await desk.store.known_followers(one, other, Window(0, _THROUGH))
        mids = [row.mid for row in through.rows]
        direct = side.follows is not None
        words = look.text(_summary(direct, through.total or len(mids)))
        drawings.append((one, other, drawn(one, other, mids, words, direct=direct)))
    return Found(
        [(a, b, _of(pair.mine)), (b, a, _of(pair.theirs))],
        drawings,
        [row.mid for row in common.rows],
        common.total or 0,
    )


def _of(side: Side) -> list[tuple[Text, int]]:
    """Return what one account has towards the other, each with its time."""
    keys = {
        Text("关注", "follows"): side.follows.sort_key if side.follows else None,
        Text("悄悄关注", "whispers"): side.whispers,
        Text("拉黑", "blocks"): side.blocks,
        Text("请求关注", "requests to follow"): side.requests,
    }
    return [(text, mtime_of(key)) for text, key in keys.items() if key is not None]


def _summary(direct: bool, through: int) -> Text:
    if not direct and not through:
        return Text("两步之内没有路径。", "No path within two steps.")
    zh = [*(["直接关注"] if direct else []), *([f"经由 {through:,} 个账号"] if through else [])]
    en = [
        *(["follows it directly"] if direct else []),
        *([f"through {through:,} accounts that it follows"] if through else []),
    ]
    return Text(f"{'；'.join(zh)}。", f"{'; '.join(en)}.".capitalize())


def drawn(one: int, other: int, through: Sequence[int], summary: str, *, direct: bool) -> Drawing:
    """Return the drawing of the paths from ``one`` to ``other``, through one account or none."""
    rows = len(through) + direct
    height = max(rows, 1) * _ROW + 16
    middle = (height - 16) // 2
    start, end = Node(one, 60, middle), Node(other, _WIDTH - 60, middle)
    first = _ROW // 2 + (_ROW if direct else 0)
    between = [Node(mid, _WIDTH // 2, first + _ROW * row) for row, mid in enumerate(through)]
    if direct and between:  # the direct line has the first row to itself
        start, end = start._replace(y=_ROW // 2), end._replace(y=_ROW // 2)
    lines = [_arrow("direct", start, end)] if direct else []
    for node in between:
        lines += [_arrow("step", start, node), _arrow("step", node, end)]
    return Drawing(_WIDTH, height, [start, *between, end], lines, summary, list(through))


def _arrow(kind: str, start: Node, end: Node) -> Arrow:
    """Return the arrow from the rim of one circle to that of another."""
    length = hypot(end.x - start.x, end.y - start.y)
    x, y = (end.x - start.x) / length, (end.y - start.y) / length
    x1, y1 = start.x + x * _RADIUS, start.y + y * _RADIUS
    x2, y2 = end.x - x * _RADIUS, end.y - y * _RADIUS
    left, right = (x2 - 9 * x - 4 * y, y2 - 9 * y + 4 * x), (x2 - 9 * x + 4 * y, y2 - 9 * y - 4 * x)
    tip = f"M{x2:.1f} {y2:.1f}L{left[0]:.1f} {left[1]:.1f}L{right[0]:.1f} {right[1]:.1f}Z"
    return Arrow(kind, round(x1, 1), round(y1, 1), round(x2 - 6 * x, 1), round(y2 - 6 * y, 1), tip)


_TWO = Text(
    "请填写两个不同的、存在的账号的 mid。", "Fill in the mids of two different accounts that exist."
)
