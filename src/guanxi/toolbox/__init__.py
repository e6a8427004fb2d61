"""Tools for people with long lists: archive, difference, plan, apply, undo, migrate, watch.

A library; the commands of ``guanxi`` are thin over it. It knows a server only through the SDK.
"""

from __future__ import annotations

from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.plan import Act, Plan

__all__ = ["Act", "Archive", "Identity", "Plan"]
