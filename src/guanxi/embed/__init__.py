"""The graph inside one's own program: as a library, and as an application to mount."""

from __future__ import annotations

from guanxi.embed.mounted import Mounted, application

__all__ = ["Mounted", "application"]
