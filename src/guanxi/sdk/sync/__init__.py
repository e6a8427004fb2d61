# Made by `make generate` from src/guanxi/sdk/aio/__init__.py.
# Do not edit: edit that instead.

"""The sync client."""

from guanxi.sdk.sync.client import SyncClient

__all__ = ["SyncClient"]
