"""Addresses of servers: what an address names, and why its server cannot be used.

A service of libpq's service file is read here: asyncpg interprets ``%`` in its values. No text
contains a password.
"""

from __future__ import annotations

import os
import socket
import ssl
from configparser import ConfigParser, Error
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import asyncpg

from guanxi.stores.port import StoreError
from guanxi.text import Text

_SCHEMA, _PORT = "guanxi", "5432"
#: By key of the query, the part of an address in front of it that counts more.
_IN_FRONT = {
    "host": "hostname",
    "port": "hostname",
    "user": "username",
    "password": "password",
    "dbname": "path",
}
#: Parameters of a service that only libpq knows.
_OF_LIBPQ = {"connect_timeout", "channel_binding", "gssencmode", "hostaddr", "keepalives"}


class Target(NamedTuple):
    """An address without its service and schema, and what messages show of it."""

    #: What asyncpg reads. It may contain a password.
    address: str
    #: The schema of the tables, not quoted.
    schema: str
    #: The hosts with their ports, or the folder of a socket.
    where: str
    user: str
    database: str
    has_password: bool

    @property
    def quoted_schema(self) -> str:
        """The schema as SQL names it."""
        return '"' + self.schema.replace('"', '""') + '"'


def read(address: str) -> Target:
    """Return what an address names, with the service that it or ``PGSERVICE`` names.

    Raise ``ValueError`` if the address is invalid or its schema is repeated, ``StoreError`` if
    there is no such service.
    """
    parts = urlsplit(address)
    login, _, location = parts.netloc.rpartition("@")
    if "@" in login or parts.fragment:  # those of a password that is not encoded
        raise ValueError
    values = parse_qs(parts.query, keep_blank_values=True)
    if len(values.get("search_path", ())) > 1:
        raise ValueError
    query = {
        key: ",".join(each) if key in ("host", "port") else each[-1] for key, each in values.items()
    }
    user, _, password = login.partition(":")
    front = {
        "hostname": location,
        "username": user,
        "password": password,
        "path": parts.path.removeprefix("/"),
    }
    service = query.pop("service", os.environ.get("PGSERVICE"))
    if service:
        for key, value in _service(service).items():
            if not front.get(_IN_FRONT.get(key, "")):
                query.setdefault(key, value)
    schema = query.pop("search_path", _SCHEMA)
    named_user = unquote(user) or query.get("user") or os.environ.get("PGUSER") or ""
    database = unquote(front["path"]) or query.get("dbname") or query.get("database")
    # An empty path would count more than the query's database.
    path = parts.path if front["path"] else ""
    return Target(
        address=f"{parts.scheme}://{parts.netloc}{path}?{urlencode(query)}",
        schema=schema,
        where=_where(location, query),
        user=named_user,
        database=database or os.environ.get("PGDATABASE") or named_user,
        has_password=bool(password or query.get("password") or os.environ.get("PGPASSWORD")),
    )


def _service(name: str) -> dict[str, str]:
    """Return the parameters of a service; raise StoreError if there is none of that name."""
    path = Path(os.environ.get("PGSERVICEFILE") or Path("~/.pg_service.conf").expanduser())
    parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    try:
        parser.read(path, "utf-8")
        return {key: value for key, value in parser[name].items() if key not in _OF_LIBPQ}
    except (Error, KeyError, UnicodeDecodeError):
        raise StoreError(
            Text(
                f"{path} 中没有服务 {name}：请写入 [{name}] 一节，或用 PGSERVICEFILE 指定文件",
                f"there is no service {name} in {path}: write a section [{name}], or name the file"
                " in PGSERVICEFILE",
            )
        ) from None


def _where(location: str, query: dict[str, str]) -> str:
    hosts = unquote(location) or query.get("host") or os.environ.get("PGHOST") or "localhost"
    ports = (query.get("port") or os.environ.get("PGPORT") or _PORT).split(",")
    named = []
    for at, host in enumerate(hosts.split(",")):
        has_port = host.rpartition(":")[2].isdigit() and (":" not in host[:-6] or "]:" in host)
        if host.startswith("/") or has_port:
            named.append(host)
        else:
            named.append(f"{host}:{ports[min(at, len(ports) - 1)]}")
    return ", ".join(named)


#: By SQLSTATE, what is wrong with a connection and what to do. {where}, {user}, {database} and
#: {message} are filled in.
_REFUSALS = {
    "28P01": Text(
        "{where} 不接受角色 {user} 的密码：请用 PGPASSWORD、服务文件，或在地址中以百分号编码写出",
        "{where} does not accept the password of the role {user}: set the right one in PGPASSWORD,"
        " in a service file or, percent-encoded, in the address",
    ),
    "28000": Text(
        "{where} 不允许角色 {user} 登录（{message}）：请建立角色，或在 pg_hba.conf 中允许它",
        "{where} does not admit the role {user} ({message}): create the role, or allow it in"
        " pg_hba.conf",
    ),
    "3D000": Text(
        "{where} 没有数据库 {database}：请先建立，如 `createdb {database}`，或更正地址",
        "{where} has no database {database}: create it, as with `createdb {database}`, or correct"
        " the address",
    ),
    "42501": Text(
        "{where} 的角色 {user} 没有所需的权限（{message}）：请 GRANT",
        "the role {user} lacks a permission on {where} ({message}): GRANT it",
    ),
    "53300": Text(
        "{where} 没有空余的连接：请提高 max_connections，或减少使用者",
        "{where} has no free connection: raise its max_connections, or use fewer",
    ),
    "57P03": Text(
        "{where} 正在启动或停止，请稍后重试", "{where} is starting or stopping: try again soon"
    ),
}
_NO_PASSWORD = Text(
    "{where} 要求角色 {user} 的密码，而没有给出：请用 PGPASSWORD 或服务文件",
    "{where} wants a password of the role {user}, and there is none: set PGPASSWORD, or name a"
    " service file",
)
_NEEDS_TLS = Text(
    "{where} 的 pg_hba.conf 没有角色 {user} 不经 TLS 的一行：请加上，或在地址后加 sslmode=require",
    "{where} has no line in pg_hba.conf for the role {user} without TLS: add ?sslmode=require to"
    " the address, or such a line there",
)
_NO_TLS = Text(
    "{where} 不支持 TLS：请在服务器上打开 ssl，或去掉地址中的 sslmode",
    "{where} has no TLS: switch ssl on there, or leave sslmode out of the address",
)
_CERTIFICATE = Text(
    "{where} 的证书无法验证（{message}）：请用 sslrootcert 指定其根证书",
    "the certificate of {where} cannot be verified ({message}): name its root with sslrootcert",
)
_TLS_FAILED = Text(
    "与 {where} 的 TLS 连接失败（{message}）：请检查 sslmode、sslcert 与 sslkey",
    "TLS with {where} failed ({message}): check sslmode, sslcert and sslkey",
)
_UNKNOWN_HOST = Text(
    "主机名无法解析：{where}。请更正地址或 DNS",
    "the host name cannot be resolved: {where}; correct the address, or DNS",
)
_REFUSED = Text(
    "{where} 拒绝连接：那里没有运行 PostgreSQL，请启动它或更正主机与端口",
    "{where} refuses connections: no PostgreSQL runs there; start it, or correct host and port",
)
_NO_SOCKET = Text(
    "{where} 没有可用的套接字（{message}）：请启动 PostgreSQL 或更正地址",
    "{where} has no socket to use ({message}): start PostgreSQL, or correct the address",
)
_NO_ANSWER = Text(
    "{where} 没有及时响应：请检查主机、端口、防火墙，以及连接池是否已满",
    "{where} does not answer in time: check host, port and firewall, and whether a pooler there is"
    " full",
)
_STANDBY = Text(
    "{where} 是只读的备机：请在地址中写明主机，如 postgresql://user@a,b/database",
    "{where} is a read-only standby: name the primary too, like postgresql://user@a,b/database",
)
_OTHER = Text("{where} 拒绝了连接：{message}", "{where} refused the connection: {message}")


_ROOT = Text(
    "要验证 {where} 的证书，须以 sslrootcert 指定根证书的文件",
    "to verify the certificate of {where}, name the file of its root with sslrootcert",
)


def refusal(target: Target, error: BaseException) -> Text:
    """Return in one line why a server cannot be connected to, and what to do."""
    text = _OTHER
    if isinstance(error, asyncpg.ClientConfigurationError):
        text = _ROOT
    elif isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        text = _STANDBY
    elif isinstance(error, asyncpg.PostgresError):
        text = _REFUSALS.get(error.sqlstate or "", _OTHER)
        if error.sqlstate == "28P01" and not target.has_password:
            text = _NO_PASSWORD
        elif error.sqlstate == "28000" and "no encryption" in str(error):
            text = _NEEDS_TLS
    elif isinstance(error, ssl.SSLCertVerificationError):
        text = _CERTIFICATE
    elif isinstance(error, ssl.SSLError):
        text = _TLS_FAILED
    elif isinstance(error, socket.gaierror):
        text = _UNKNOWN_HOST
    elif isinstance(error, TimeoutError):
        text = _NO_ANSWER
    elif "rejected SSL upgrade" in str(error):
        text = _NO_TLS
    elif isinstance(error, FileNotFoundError | PermissionError):
        text = _NO_SOCKET
    elif isinstance(error, OSError):
        text = _REFUSED
    message = " ".join(str(error).split())
    with suppress(AttributeError):
        message = error.verify_message  # type: ignore[attr-defined]  # of a certificate
    values = {
        "where": target.where,
        "user": target.user or "?",
        "database": target.database or "?",
        "message": message,
    }
    return Text(text.zh.format(**values), text.en.format(**values))
