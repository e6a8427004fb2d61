"""The accounts that the pages know: those with an archive in the folder, and those signed in."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from msgspec import Struct

from guanxi.contract.errors import NotSignedIn
from guanxi.manage.jobs import Person
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient
from guanxi.text import Text
from guanxi.toolbox.archive import Archive, Identity, default_path, identity_of, server_name
from guanxi.toolbox.errors import ArchiveError, ArchiveMissing, ToolError

#: The name that ``guanxi login`` saves an account under.
_DEFAULT = "default"


class Vault(Protocol):
    """Where credentials are saved, by server and name; raises ValueError for a damaged one."""

    def load(self, server: str, name: str, /) -> Credential | None:
        """Return the credential that is saved so, None without one."""

    def save(self, server: str, name: str, credential: Credential, /) -> object:
        """Save a credential in place of one of that name."""

    def delete(self, server: str, name: str, /) -> bool:
        """Delete a saved credential; return whether there was one."""


class Known(Struct, frozen=True):
    """An account as the start page shows it.

    ``key`` is its name in addresses: the name of its archive's file. ``fault`` is why the archive
    cannot be opened. ``newest`` is when the newest snapshot was made, in seconds since the Unix
    epoch.
    """

    key: str
    identity: Identity | None = None
    newest: int | None = None
    signed_in: bool = False
    fault: Text | None = None


class SignedOut(ToolError):
    """What is to be done needs a sign-in."""


class People:
    """The accounts of one folder of archives."""

    def __init__(self, vault: Vault, base_url: str | None, folder: Path | None = None) -> None:
        """``base_url`` is the server to sign in to, None for the documents' hosts.

        ``folder`` has the archives; by default it is the one of ``guanxi backup``.
        """
        self.base_url = base_url
        self.folder = default_path(Identity("", 0)).parent if folder is None else folder
        self._vault = vault
        #: Who is signed in, by key.
        self._signed: dict[str, Person] = {}

    def all(self) -> list[Known]:
        """Return every account, by name; those whose archive cannot be opened come last."""
        keys = {path.stem for path in self.folder.glob("*.db")} | self._signed.keys()
        found = [self._known(key) for key in keys]
        return sorted(found, key=lambda one: (one.identity is None, _name(one), one.key))

    def has_default(self) -> bool:
        """Return whether ``guanxi login`` has saved an account that has no archive yet.

        Nothing is sent: only a credential with its account's mid can be compared with those that
        have an archive. Raise ValueError for a damaged credential.
        """
        saved = self._vault.load(self.base_url or "", _DEFAULT)
        if saved is None:
            return False
        server = server_name(self.base_url)
        known = {
            str(one.identity.mid)
            for one in self.all()
            if one.identity is not None and one.identity.server == server
        }
        is_used = any(person.credential == saved for person in self._signed.values())
        return not is_used and (saved.dedeuserid or "") not in known

    def use_default(self) -> str:
        """Return the key of the account that ``guanxi login`` saved; one request finds it out.

        Raise SignedOut without one, NotSignedIn if the server does not accept it, and ApiException
        if it cannot be reached.
        """
        saved = self._vault.load(self.base_url or "", _DEFAULT)
        if saved is None:
            raise SignedOut("没有保存的账号，请扫码登录", "no account is saved: sign in by QR code")
        with SyncClient(base_url=self.base_url, credential=saved) as client:
            person = self._of(identity_of(client), saved)
        self._signed[person.path.stem] = person
        return person.path.stem

    def archive(self, key: str) -> Archive:
        """Return the archive of an account, opened. Raise ArchiveMissing and as Archive.open."""
        if key in self._signed:
            return Archive.create(self._signed[key].path, self._signed[key].identity)
        return Archive.open(self._path(key))

    def person(self, key: str) -> Person:
        """Return the account with its credential, so that it can act.

        A saved credential is tried once: one request finds out which account it is of. Raise
        SignedOut without one, ArchiveError without an archive, and ApiException if the server
        cannot be reached.
        """
        if key not in self._signed:
            with self.archive(key) as archive:
                identity = archive.identity
            for name in (str(identity.mid), _DEFAULT):
                credential = self._vault.load(_server(identity), name)
                if credential is not None and self._is_of(credential, identity):
                    self._signed[key] = self._of(identity, credential)
                    break
            else:
                raise SignedOut(
                    f"{identity.name or identity.mid} 未登录，请先扫码登录",
                    f"{identity.name or identity.mid} is not signed in: sign in by QR code first",
                )
        return self._signed[key]

    def sign_in(self, credential: Credential) -> str:
        """Keep a new credential, and return the key of its account, which one request finds out.

        Raise NotSignedIn if the server does not accept it, ApiException if it cannot be reached.
        """
        with SyncClient(base_url=self.base_url, credential=credential) as client:
            identity = identity_of(client)
        self._vault.save(_server(identity), str(identity.mid), credential)
        person = self._of(identity, credential)
        self._signed[person.path.stem] = person
        return person.path.stem

    def sign_out(self, key: str) -> None:
        """Forget an account's credential, also the saved one; its archive stays."""
        with self.archive(key) as archive:
            identity = archive.identity
        self._signed.pop(key, None)
        self._vault.delete(_server(identity), str(identity.mid))

    def _of(self, identity: Identity, credential: Credential) -> Person:
        path = self.folder / default_path(identity).name
        return Person(identity, path, credential, _server(identity) or None)

    def _is_of(self, credential: Credential, identity: Identity) -> bool:
        base_url = _server(identity) or None
        with SyncClient(base_url=base_url, credential=credential) as client:
            try:
                return identity_of(client).is_same(identity)
            except NotSignedIn:
                return False

    def _known(self, key: str) -> Known:
        try:
            with self.archive(key) as archive:
                [row] = archive.rows("SELECT max(begun) AS at FROM snapshot WHERE ended NOT NULL")
                identity, newest = archive.identity, row["at"]
        except ArchiveError as error:
            return Known(key, fault=error.args[0])
        return Known(key, identity, newest, key in self._signed)

    def _path(self, key: str) -> Path:
        path = self.folder / f"{key}.db"
        if not key or path.parent != self.folder or not path.is_file():
            raise ArchiveMissing(f"没有档案 {key}", f"there is no archive {key}")
        return path


def _server(identity: Identity) -> str:
    return "" if identity.server == server_name(None) else identity.server


def _name(known: Known) -> str:
    return "" if known.identity is None else known.identity.name.casefold()
