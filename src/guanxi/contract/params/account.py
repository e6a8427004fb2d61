"""Parameters of requests about names."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field


class Names(Struct):
    names: Annotated[
        list[str], Meta(min_length=1, max_length=50, description="names; 50 a call is ours")
    ]


class Nickname(Struct):
    nick_name: Annotated[str, Meta(description="the name to check")] = field(name="nickName")
