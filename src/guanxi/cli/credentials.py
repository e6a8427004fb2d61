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
from guanxi.sdk.credential import Credential
from guanxi.text import Text

if sys.platform != "win32":
    import fcntl

#: The service name of every entry in a keyring.
_SERVICE = "guanxi"
_FILE = "credentials.json"
#: Files that are renamed to that one begin with this; one that is left was of a killed process.
_TEMPORARY = ".credentials-"
#: By name@server: the parts of a credential, those of a newer version too.
_Accounts = dict[str, dict[str, Any]]
_PARTS = {field.name for field in fields(Credential)}


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
    with _changing() as accounts:
        accounts[_key(server, name)] = parts
    return str(_path())


def load(server: str, name: str) -> Credential | None:
    """Return the credential saved for a server and a name; None without one or without keyring.

    If the keyring is locked and the file has none, print a warning on standard error. What a newer
    version has saved in addition is ignored, and stays there. Raise ValueError if the credentials
    file or the entry of the keyring is damaged, OSError if the file cannot be read.
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
    parts = _parts_of(saved) if saved else _read().get(_key(server, name))
    if locked is not None and not parts:
        _warn(locked)
    if not parts:
        return None
    return Credential(**{part: value for part, value in parts.items() if part in _PARTS})


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


def _parts_of(saved: str) -> dict[str, Any]:
    """Return the parts in an entry of the keyring; raise ValueError if it is damaged."""
    try:
        return msgspec.json.decode(saved, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise ValueError(
            Text(
                "钥匙串中保存的账号已损坏，请重新登录",
                "the account saved in the keyring is damaged: sign in again",
            )
        ) from None


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
    except msgspec.MsgspecError:
        # The decoder's own message could quote a secret.
        raise ValueError(
            Text(
                f"{_path()} 已损坏，请删除后重新登录",
                f"{_path()} is damaged: delete it and sign in again",
            )
        ) from None


def _delete_from_file(server: str, name: str) -> bool:
    if _key(server, name) not in _read():
        return False
    with _changing() as accounts:
        return accounts.pop(_key(server, name), None) is not None


@contextlib.contextmanager
def _changing() -> Iterator[_Accounts]:
    """Yield the file's credentials and write them after the block, unless it raises.

    Other processes wait meanwhile, where the system has such locks. Raise as ``_read`` and
    ``_write``.
    """
    folder = _path().parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / f"{_TEMPORARY}lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(f"{_TEMPORARY}*.new"):  # it has secrets
            left.unlink()
        accounts = _read()
        yield accounts
        _write(accounts)
    finally:
        os.close(lock)


def _write(accounts: _Accounts) -> None:
    """Replace the credentials file by one with mode 0600, at once. Raise OSError if that fails."""
    handle, temporary = tempfile.mkstemp(".new", _TEMPORARY, _path().parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(accounts, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(_path())
    except BaseException:
        Path(temporary).unlink()
        raise
