"""Credentials that ``guanxi login`` keeps: in the keyring, or in a file that its owner alone reads.

Each is kept for one server and under one name, and is sent to no other server.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import msgspec

from guanxi.sdk.credential import Credential

#: What everything is kept under in a keyring.
_SERVICE = "guanxi"
_FILE = "credentials.json"
_Accounts = dict[str, dict[str, str]]


def keep(server: str, name: str, credential: Credential) -> str:
    """Keep a credential in the place of the one before; where it is kept now."""
    import keyring
    from keyring.errors import KeyringError

    parts = {part: value for part, value in asdict(credential).items() if value}
    if _has_keyring():
        with contextlib.suppress(KeyringError):
            keyring.set_password(_SERVICE, _key(server, name), json.dumps(parts))
            _drop(server, name)
            return f"keyring {keyring.get_keyring().name}"
    accounts = _read()
    accounts[_key(server, name)] = parts
    _write(accounts)
    return str(_path())


def kept(server: str, name: str) -> Credential | None:
    """The credential of a server and a name."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ModuleNotFoundError:
        return None  # who cannot sign in here has kept nothing
    parts = None
    if _has_keyring():
        with contextlib.suppress(KeyringError):
            parts = keyring.get_password(_SERVICE, _key(server, name))
    found = json.loads(parts) if parts else _read().get(_key(server, name))
    return Credential(**found) if found else None


def forget(server: str, name: str) -> bool:
    """Forget a credential; whether there was one."""
    import keyring
    from keyring.errors import KeyringError

    forgotten = False
    if _has_keyring():
        with contextlib.suppress(KeyringError):
            keyring.delete_password(_SERVICE, _key(server, name))
            forgotten = True
    return _drop(server, name) or forgotten


def _key(server: str, name: str) -> str:
    return f"{name}@{server}"


def _has_keyring() -> bool:
    """Whether there is a keyring that keeps anything: those that do not have no priority."""
    import keyring

    return keyring.get_keyring().priority > 0


def _path() -> Path:
    from platformdirs import user_config_path

    return user_config_path("guanxi") / _FILE


def _read() -> _Accounts:
    try:
        return msgspec.json.decode(_path().read_bytes(), type=_Accounts)
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError:
        # The text of the error could show what stands there.
        raise ValueError(f"{_path()} 无法读取 (cannot be read: delete it)") from None


def _drop(server: str, name: str) -> bool:
    accounts = _read()
    if accounts.pop(_key(server, name), None) is None:
        return False
    _write(accounts)
    return True


def _write(accounts: _Accounts) -> None:
    """Replace the file at once. It is made with 0600, and is never readable to others."""
    folder = _path().parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, new = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(accounts, file, indent=2)
        Path(new).replace(_path())
    except BaseException:
        Path(new).unlink()
        raise
