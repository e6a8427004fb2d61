"""Parameters of requests about the caller's own account."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from guanxi.contract.enums import HistoryType
from guanxi.contract.params.fields import ID, PageNumber, PageSize, Seconds, UpTo30


class HistoryParams(Struct, kw_only=True):
    pn: PageNumber = 1
    ps: PageSize = 100


class HistoryCursorParams(Struct, kw_only=True):
    """``max``, ``view_at`` and ``business`` are the last cursor, all absent for the first page."""

    type: HistoryType = HistoryType.ALL
    ps: UpTo30 = 20
    view_at: Seconds | UnsetType = UNSET
    max: Annotated[int, Meta(ge=0, description="the last cursor.max", extra=ID)] | UnsetType = UNSET
    #: A value of ``HistoryBusinessType`` or cheese; empty in the cursor of the last page.
    business: (
        Annotated[
            Literal["", "archive", "pgc", "cheese", "live", "article-list", "article"],
            Meta(description="the last cursor.business"),
        ]
        | UnsetType
    ) = UNSET


class NotesParams(Struct, kw_only=True):
    pn: PageNumber
    ps: PageSize


class EventsParams(Struct):
    ts: Seconds = 0


class FanReportParams(Struct):
    since_ms: Annotated[int, Meta(ge=0, description="milliseconds")] | UnsetType = field(
        name="t", default=UNSET
    )


class ToviewDeletion(Struct):
    #: The documented module sends ``true`` and means: delete what has been watched to its end.
    viewed: Annotated[
        Literal["true", "false"], Meta(description="true: delete what was watched to its end")
    ] = "false"


class Notice(Struct):
    notice: Annotated[str, Meta(description="the new text; empty to delete it")] = ""


class ProfileEdit(Struct, kw_only=True):
    birthday: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="YYYY-MM-DD")]
    sex: Annotated[Literal["男", "女", "保密"], Meta(description="保密: undisclosed")]
    uname: Annotated[str, Meta(description="the new name")]
    usersign: Annotated[str, Meta(description="the new signature")]
