"""The graph inside a program of your own: as a library, and as an application to mount."""

from __future__ import annotations

from guanxi.embed.mounted import Mounted, application

__all__ = ["Mounted", "application"]
