"""A keyring backend for tests that stores its passwords in the file named by KEYRING_FILE."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class FileKeyring(KeyringBackend):
    """A keyring that is locked while its file does not exist."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write(self._read() | {f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        passwords = self._read()
        if passwords.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError
        self._write(passwords)

    def _read(self) -> dict[str, str]:
        try:
            passwords: dict[str, str] = json.loads(self._path().read_text("utf-8"))
        except FileNotFoundError:
            raise KeyringLocked from None
        return passwords

    def _write(self, passwords: dict[str, str]) -> None:
        self._path().write_text(json.dumps(passwords), "utf-8")

    def _path(self) -> Path:
        return Path(os.environ["KEYRING_FILE"])
