"""A keyring without a desktop: what it keeps stands in the file that KEYRING_FILE names."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class FileKeyring(KeyringBackend):
    """Locked while its file cannot be read."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write(self._read() | {f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        kept = self._read()
        if kept.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError
        self._write(kept)

    def _read(self) -> dict[str, str]:
        try:
            kept: dict[str, str] = json.loads(self._path().read_text("utf-8"))
        except FileNotFoundError:
            raise KeyringLocked from None
        return kept

    def _write(self, kept: dict[str, str]) -> None:
        self._path().write_text(json.dumps(kept), "utf-8")

    def _path(self) -> Path:
        return Path(os.environ["KEYRING_FILE"])
