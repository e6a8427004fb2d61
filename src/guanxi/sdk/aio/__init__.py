"""The client and its areas. The modules of ``sync`` are generated from those of ``aio``."""

from guanxi.sdk.aio.client import Client

__all__ = ["Client"]
