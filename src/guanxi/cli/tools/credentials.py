"""Storage for the credentials that ``guanxi login`` saves.

They are in the system's keyring, or where there is none in a file with mode 0600. Each belongs to
one server and one name, and is sent to no other server.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import msgspec

from guanxi.cli.language import text
from guanxi.cli.terminal import note
from guanxi.contract.undecodable import UNDECODABLE
from guanxi.sdk.credential import Credential
from guanxi.text import Text

#: The service name of every entry in a keyring.
_SERVICE = "guanxi"
_FILE = "credentials.json"
#: How the file that replaces it begins.
_TEMPORARY = ".credentials-"
#: By name@server. A newer guanxi may keep more in an entry, which is preserved.
_Accounts = dict[str, Any]
#: The parts of a credential that this version knows.
_PARTS = frozenset(field.name for field in fields(Credential))
_DAMAGED_ENTRY = Text(
    "保存的账号已损坏，请用 guanxi login 重新登录",
    "the saved account is damaged: sign in again with guanxi login",
)


def save(server: str, name: str, credential: Credential) -> str:
    """Save a credential for a server and a name; return where, as text for people to read.

    An earlier one is replaced. Raise ValueError if the credentials file is damaged, OSError if it
    cannot be written, ModuleNotFoundError without the keyring package.
    """
    import keyring
    from keyring.errors import KeyringError

    parts = {part: value for part, value in asdict(credential).items() if value}
    if _has_keyring():
        with contextlib.suppress(KeyringError):
            keyring.set_password(_SERVICE, _key(server, name), json.dumps(parts))
            _delete_from_file(server, name)
            return f"keyring {keyring.get_keyring().name}"
    with _locked():
        accounts = _read()
        accounts[_key(server, name)] = parts
        _write(accounts)
    return str(_path())


def load(server: str, name: str) -> Credential | None:
    """Return the credential saved for a server and a name; None without one or without keyring.

    If the keyring is locked and the file has none, print a warning on standard error. Raise
    ValueError if the credentials file or the entry is damaged, or if a newer guanxi wrote it;
    OSError if the file cannot be read.
    """
    try:
        import keyring
        from keyring.errors import KeyringError
    except ModuleNotFoundError:
        return None  # without keyring, guanxi login cannot have saved anything
    saved, locked = None, None
    if _has_keyring():
        try:
            saved = keyring.get_password(_SERVICE, _key(server, name))
        except KeyringError as error:
            locked = error
    parts = _decoded(saved) if saved else _read().get(_key(server, name))
    if locked is not None and not parts:
        _warn(locked)
    return _credential(parts, _key(server, name)) if parts else None


def delete(server: str, name: str) -> bool:
    """Delete the credential saved for a server and a name; return whether one was deleted.

    Also False if the keyring is locked, with a warning on standard error: its credential is then
    still there. Raise ValueError if the credentials file is damaged, OSError if it cannot be read
    or written (the keyring's credential is deleted before that), ModuleNotFoundError without the
    keyring package.
    """
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    deleted = False
    if _has_keyring():
        try:
            keyring.delete_password(_SERVICE, _key(server, name))
            deleted = True
        except PasswordDeleteError:
            pass  # the keyring has none
        except KeyringError as error:
            _warn(error)
    return _delete_from_file(server, name) or deleted


def _warn(error: Exception) -> None:
    """Print that the keyring cannot be read, so that what it holds is not used."""
    reason = str(error) or type(error).__name__
    warning = text(
        f"警告：钥匙串无法读取（{reason}），其中保存的账号未使用",
        f"warning: the keyring cannot be read ({reason}), so an account saved there is not used",
    )
    note(f"guanxi: {warning}")


def _key(server: str, name: str) -> str:
    return f"{name}@{server}"


def _has_keyring() -> bool:
    """Return whether there is a usable keyring: backends that store nothing have priority 0."""
    import keyring

    return keyring.get_keyring().priority > 0


def _path() -> Path:
    from platformdirs import user_config_path

    return user_config_path("guanxi") / _FILE


def _read() -> _Accounts:
    """Return the file's credentials, by name@server; empty without a file.

    Raise ValueError if it is damaged, OSError if it cannot be read.
    """
    try:
        return msgspec.json.decode(_path().read_bytes(), type=_Accounts)
    except FileNotFoundError:
        return {}
    except UNDECODABLE:
        # The decoder's own message could quote a secret.
        raise ValueError(
            Text(
                f"{_path()} 已损坏，未作改动：请修复或移走后重新登录",
                f"{_path()} is damaged and was not changed: mend it, or move it away and sign in"
                " again",
            )
        ) from None


def _decoded(saved: str) -> Any:
    """Return an entry of the keyring; raise ValueError if it is no JSON."""
    try:
        return msgspec.json.decode(saved)
    except UNDECODABLE:
        raise ValueError(_DAMAGED_ENTRY) from None


def _credential(parts: Any, key: str) -> Credential:
    """Return the credential of an entry.

    Raise ValueError if it is damaged, or has a part that this version does not know.
    """
    if not isinstance(parts, dict):
        raise ValueError(_DAMAGED_ENTRY)
    unknown = sorted(str(name) for name in parts.keys() - _PARTS)
    if unknown:
        names = ", ".join(unknown)
        raise ValueError(
            Text(
                f"账号 {key} 由更新的 guanxi 保存，含有未知的 {names}："
                "请更新 `pip install -U guanxi`，或用 guanxi login 重新登录",
                f"the account {key} was saved by a newer guanxi, with {names}, which this one does"
                " not know: update with `pip install -U guanxi`, or sign in again with guanxi"
                " login",
            )
        )
    if not all(isinstance(value, str) for value in parts.values()):
        raise ValueError(_DAMAGED_ENTRY)
    return Credential(**parts)


def _delete_from_file(server: str, name: str) -> bool:
    if not _path().exists():
        return False
    with _locked():
        accounts = _read()
        if accounts.pop(_key(server, name), None) is None:
            return False
        _write(accounts)
    return True


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Run the ``with`` block while no other process changes the credentials file.

    The folder is created if missing. Windows has no such lock. Raise OSError if that fails.
    """
    folder = _path().parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    import fcntl

    # A file of its own: the credentials file is replaced, and with it whatever it locks.
    lock = os.open(folder / f"{_FILE}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(f"{_TEMPORARY}*"):  # of a killed process, with secrets
            left.unlink()
        yield
    finally:
        os.close(lock)


def _write(accounts: _Accounts) -> None:
    """Replace the credentials file atomically by one with mode 0600, which is on the disk.

    Raise OSError if that fails. The caller holds the lock.
    """
    handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=_path().parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(accounts, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(_path())
    except BaseException:
        Path(temporary).unlink()
        raise
