"""Response data that every client needs: who is signed in, the wbi keys, device ids."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field


class WbiImages(Struct):
    """The two addresses whose file names are the wbi keys of the day."""

    img_url: str = ""
    sub_url: str = ""


class Nav(Struct):
    """Who is signed in, and the wbi keys; only the keys if nobody is."""

    is_login: bool = field(name="isLogin", default=False)
    wbi_img: WbiImages = field(default_factory=WbiImages)
    mid: int | UnsetType = UNSET
    uname: str | UnsetType = UNSET
    face: str | UnsetType = UNSET
    vip_type: int | UnsetType = field(name="vipType", default=UNSET)
    vip_status: int | UnsetType = field(name="vipStatus", default=UNSET)
    vip_due_date_ms: int | UnsetType = field(name="vipDueDate", default=UNSET)


class Buvids(Struct):
    """A pair of device ids."""

    b_3: str = ""
    b_4: str = ""


class Ignored(Struct):
    """The response to a device report, which the service discards."""
