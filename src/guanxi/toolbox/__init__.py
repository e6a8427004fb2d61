"""Tools for people with long lists: archive, difference, plan, apply, undo, migrate, watch.

    from guanxi import SyncClient
    from guanxi.toolbox import Archive, Plan, apply, backup, plan, Selection

A library; the commands of ``guanxi`` are thin over it. It knows a server only through the SDK.
"""

from __future__ import annotations

from guanxi.toolbox.apply import apply
from guanxi.toolbox.archive import Archive, Identity, default_path, identity_of
from guanxi.toolbox.backup import backup
from guanxi.toolbox.difference import difference
from guanxi.toolbox.errors import ToolError
from guanxi.toolbox.plan import Act, Plan
from guanxi.toolbox.planning import plan
from guanxi.toolbox.report import report
from guanxi.toolbox.restoring import restore
from guanxi.toolbox.review import explain, review
from guanxi.toolbox.selection import Selection
from guanxi.toolbox.undo import undo

__all__ = [
    "Act",
    "Archive",
    "Identity",
    "Plan",
    "Selection",
    "ToolError",
    "apply",
    "backup",
    "default_path",
    "difference",
    "explain",
    "identity_of",
    "plan",
    "report",
    "restore",
    "review",
    "undo",
]
