"""The async client and its areas; the sync ones are made from these."""

from guanxi.sdk.aio.client import Client

__all__ = ["Client"]
