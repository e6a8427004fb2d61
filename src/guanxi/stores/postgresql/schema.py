"""The tables, laid out so that one schema is valid on plain PostgreSQL and on Citus.

Rows of an account's lists are distributed by that account, which is the first column of every key,
and so are on one shard; its sessions are, too. Names and the ids of unique kinds are not found by
account: they have tables distributed by their own key. There is no foreign key and no trigger. The
feed of changes has the only sequence, which is on the coordinator of Citus alone.

Texts that people write are stored as UTF-8 bytes: PostgreSQL's text type cannot contain U+0000,
which names and titles may, and bytes are compared without a collation.

Each end of a pair is a row: the side of ``owner`` towards ``other``, and what the owner's lists
show of the other side. Every change of a pair writes the row of the lower mid first, so that two
changes of one pair always lock the same row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

import asyncpg

from guanxi.accounts.secrets import new_secret
from guanxi.graph.pair import SPECIAL
from guanxi.stores import redacted
from guanxi.stores.port import Distribution, StoreError, StoreMissing
from guanxi.stores.postgresql import addresses, citus, pooler
from guanxi.stores.postgresql.connections import (
    PATIENT,
    Connection,
    connect,
    failures,
    schema_of,
)
from guanxi.stores.tails import AFTER_NAME, BEFORE_NAME
from guanxi.text import Text
from guanxi.world.mentions import MARKS

# Requests to follow, with partial indexes like those of whispers.
_REQUESTS = """
ALTER TABLE account ADD COLUMN approve_followers boolean NOT NULL DEFAULT false;
-- Sort keys: the owner requests to follow the other account, and the reverse.
ALTER TABLE relation ADD COLUMN requests bigint, ADD COLUMN requested bigint;
CREATE INDEX relation_requests ON relation (owner, requests, other) WHERE requests IS NOT NULL;
CREATE INDEX relation_requested ON relation (owner, requested, other) WHERE requested IS NOT NULL;
"""

VERSION = 4
# The feed of changes. Its numbers are drawn as ``feed`` describes: one at a time, in order.
_FEED = """
CREATE SEQUENCE change_number CACHE 1;
CREATE TABLE change (
    number bigint PRIMARY KEY,
    time bigint NOT NULL, -- in milliseconds
    kind text COLLATE "C" NOT NULL,
    actor bigint NOT NULL,
    target bigint NOT NULL, -- 0 for none
    body bytea NOT NULL -- before and after, as JSON
);
"""

# Erasures that are under way or done, and indexes of what other accounts have towards one.
_MARK_KINDS = ", ".join(f"'{kind}'" for kind in sorted(MARKS))
_ERASURES = f"""
CREATE TABLE erasure (
    mid bigint PRIMARY KEY,
    begun bigint NOT NULL, -- in seconds, as the end
    stage text NOT NULL,
    position text NOT NULL, -- where the stage continues: a list of JSON
    counts text NOT NULL, -- how much was deleted, by what it was: an object of JSON
    finished bigint NOT NULL DEFAULT 0 -- 0 while it is under way
);
CREATE INDEX erasure_under_way ON erasure (mid) WHERE finished = 0;
CREATE INDEX relation_of_other ON relation (other, owner)
    WHERE blocks IS NOT NULL OR whispers IS NOT NULL;
CREATE INDEX content_of_target ON content (id, owner) WHERE kind IN ({_MARK_KINDS});
"""

# Lists of accounts and of sessions; bans with a reason and an end.
_ACCOUNT_LISTS = """
ALTER TABLE session ADD COLUMN used bigint NOT NULL DEFAULT 0; -- when it was last used, about
ALTER TABLE account
    ADD COLUMN created bigint NOT NULL DEFAULT 0, -- in seconds, 0 if unknown
    ADD COLUMN ban_reason bytea NOT NULL DEFAULT '',
    ADD COLUMN ban_until bigint NOT NULL DEFAULT 0; -- 0 for a ban without an end
CREATE INDEX account_by_folded ON account (state, folded, mid);
CREATE INDEX account_by_created ON account (state, created, mid);
"""

# Administration tokens, and the audit log of what was done with them.
_AUDIT = """
CREATE TABLE admin_token (
    digest bytea PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    scopes text NOT NULL, -- separated by commas
    created bigint NOT NULL,
    expires bigint -- null for no end
);
CREATE TABLE audit (
    number bigint PRIMARY KEY, -- milliseconds, then random bits
    who text COLLATE "C" NOT NULL,
    what text NOT NULL,
    mid bigint NOT NULL, -- 0 for none, as target
    target bigint NOT NULL,
    detail text NOT NULL,
    status integer, -- null: no outcome is known
    request_id text NOT NULL
);
CREATE INDEX audit_by_mid ON audit (mid, number);
CREATE INDEX audit_by_who ON audit (who, number);
"""

_OPERATED = _ERASURES + _ACCOUNT_LISTS + _AUDIT

#: Counts the members of groups, where every count is 0.
COUNT_MEMBERS = """
UPDATE grp SET members = counted.members
FROM (
    SELECT owner, each AS id, count(*) AS members
    FROM relation CROSS JOIN LATERAL unnest(groups) AS each
    WHERE groups IS NOT NULL GROUP BY owner, each
) AS counted
WHERE grp.owner = counted.owner AND grp.id = counted.id
"""

#: The SQL that migrates a store to the next version, by the version that it starts from.
MIGRATIONS: Mapping[int, str] = {
    1: f"""
ALTER TABLE tally ADD COLUMN public_version bigint NOT NULL DEFAULT 0,
    ADD COLUMN private_version bigint NOT NULL DEFAULT 0,
    ADD COLUMN special integer NOT NULL DEFAULT 0,
    ADD COLUMN grouped integer NOT NULL DEFAULT 0;
ALTER TABLE grp ADD COLUMN members integer NOT NULL DEFAULT 0;
ALTER TABLE follower_tally ADD COLUMN public_version bigint NOT NULL DEFAULT 0;
UPDATE tally SET public_version = version, private_version = version;
UPDATE follower_tally SET public_version = version;
UPDATE tally SET special = counted.special, grouped = counted.grouped
FROM (
    SELECT owner, count(*) FILTER (WHERE groups @> ARRAY[{SPECIAL}::bigint]) AS special,
        count(*) AS grouped
    FROM relation WHERE groups IS NOT NULL GROUP BY owner
) AS counted
WHERE tally.mid = counted.owner;
{COUNT_MEMBERS};
UPDATE account SET tail = substring(
    tail FROM {len(BEFORE_NAME) + 1} FOR length(tail) - {len(BEFORE_NAME) + len(AFTER_NAME)}
)
WHERE substring(tail FOR {len(BEFORE_NAME)}) = '\\x{BEFORE_NAME.hex()}'
AND substring(tail FROM length(tail) - {len(AFTER_NAME) - 1}) = '\\x{AFTER_NAME.hex()}';
CREATE INDEX sign_in_grant_by_expires ON sign_in_grant (expires);
CREATE INDEX relation_visited ON relation (owner, visits, follows, other) WHERE visits > 0;
{_REQUESTS}
{_FEED}""",
    2: _OPERATED,
    # Sessions are with their accounts: ``citus.distribute`` moves them.
    3: """
ALTER TABLE session DROP CONSTRAINT session_pkey;
ALTER TABLE session ADD CONSTRAINT session_pkey PRIMARY KEY (digest, mid);
CREATE INDEX relation_friends ON relation (owner, follows, other)
    WHERE follows IS NOT NULL AND followed IS NOT NULL;
""",
}

#: The oldest major version of the server that is supported.
OLDEST_SERVER = 15

#: The number of rows that an account's followers are counted in: followers of a popular account
#: would queue on a single one.
SLOTS = 16

SCHEMA = (
    """
CREATE TABLE meta (
    name text PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE account (
    mid bigint PRIMARY KEY,
    state smallint NOT NULL,
    hide_followings boolean NOT NULL,
    hide_followers boolean NOT NULL,
    refuse_follows boolean NOT NULL,
    folded bytea NOT NULL, -- the name without case, as search compares it
    name bytea NOT NULL,
    face bytea NOT NULL,
    face_nft bigint NOT NULL,
    sign bytea NOT NULL,
    official_type bigint NOT NULL,
    official_desc bytea NOT NULL,
    vip_type bigint NOT NULL,
    vip_due_ms bigint NOT NULL,
    vip_status bigint NOT NULL,
    live bigint NOT NULL,
    live_url bytea NOT NULL,
    nft_icon bytea NOT NULL,
    tail_version integer NOT NULL, -- derived from the card: what a page splices
    tail bytea NOT NULL -- the name alone if the rest is the default
);

CREATE TABLE account_name (
    name bytea NOT NULL,
    mid bigint NOT NULL,
    PRIMARY KEY (name, mid)
);

CREATE TABLE tally (
    mid bigint PRIMARY KEY,
    following integer NOT NULL DEFAULT 0,
    whisper integer NOT NULL DEFAULT 0,
    black integer NOT NULL DEFAULT 0,
    special integer NOT NULL DEFAULT 0, -- followings in the special group
    grouped integer NOT NULL DEFAULT 0, -- followings in any group, the special one included
    version bigint NOT NULL DEFAULT 0, -- of followings, as their owner sees them
    public_version bigint NOT NULL DEFAULT 0, -- of followings, as others see them
    private_version bigint NOT NULL DEFAULT 0, -- of whispers and blacks
    newest bigint NOT NULL DEFAULT 0 -- no sort key in the account's own lists is greater
) WITH (fillfactor = 80);

CREATE TABLE follower_tally (
    mid bigint NOT NULL,
    slot smallint NOT NULL,
    follower bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    public_version bigint NOT NULL DEFAULT 0, -- as others see the followers: without groups
    PRIMARY KEY (mid, slot)
) WITH (fillfactor = 80);

CREATE TABLE session (
    digest bytea NOT NULL, -- ``accounts.secrets.session_digest``
    mid bigint NOT NULL,
    kind text NOT NULL,
    created bigint NOT NULL,
    expires bigint NOT NULL,
    PRIMARY KEY (digest, mid)
);
CREATE INDEX session_by_mid ON session (mid);

CREATE TABLE sign_in_grant (
    digest bytea PRIMARY KEY,
    mid bigint NOT NULL,
    expires bigint NOT NULL
);
CREATE INDEX sign_in_grant_by_mid ON sign_in_grant (mid);
CREATE INDEX sign_in_grant_by_expires ON sign_in_grant (expires);

CREATE TABLE relation (
    owner bigint NOT NULL,
    other bigint NOT NULL,
    -- Sort keys in the owner's lists; null if the other account is not in the list.
    follows bigint,
    whispers bigint,
    blocks bigint,
    followed bigint,
    groups bigint[], -- of a following, sorted, special included; null for none
    -- Since when the owner is a contractor of the other account, and the reverse.
    contract_ts bigint,
    contract_attr bigint,
    other_contract_ts bigint,
    other_contract_attr bigint,
    visits bigint,
    PRIMARY KEY (owner, other)
) WITH (fillfactor = 90);
CREATE INDEX relation_follows ON relation (owner, follows, other) WHERE follows IS NOT NULL;
CREATE INDEX relation_followed ON relation (owner, followed, other) WHERE followed IS NOT NULL;
CREATE INDEX relation_friends ON relation (owner, follows, other)
    WHERE follows IS NOT NULL AND followed IS NOT NULL;
CREATE INDEX relation_whispers ON relation (owner, whispers, other) WHERE whispers IS NOT NULL;
CREATE INDEX relation_blocks ON relation (owner, blocks, other) WHERE blocks IS NOT NULL;
CREATE INDEX relation_grouped ON relation (owner, follows, other) WHERE groups IS NOT NULL;
CREATE INDEX relation_visited ON relation (owner, visits, follows, other) WHERE visits > 0;

CREATE TABLE grp (
    owner bigint NOT NULL,
    id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    made bigint NOT NULL, -- rises within an owner
    members integer NOT NULL DEFAULT 0,
    PRIMARY KEY (owner, id),
    UNIQUE (owner, name)
);

CREATE TABLE content (
    owner bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    id bigint NOT NULL,
    filters jsonb NOT NULL, -- each value as JSON text, so that numbers and texts stay distinct
    text bytea NOT NULL, -- case-folded, for search
    body bytea NOT NULL,
    PRIMARY KEY (owner, kind, id)
);

CREATE TABLE content_key (
    owner bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    value bigint NOT NULL,
    id bigint NOT NULL,
    PRIMARY KEY (owner, kind, name, value, id)
);
CREATE INDEX content_key_by_id ON content_key (owner, kind, id);

-- The owner of each document of a unique kind, whose ids are unique over all owners.
CREATE TABLE content_holder (
    id bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    owner bigint NOT NULL,
    PRIMARY KEY (id, kind)
);
"""
    + _REQUESTS
    + _FEED
    + _OPERATED
)

#: The column that each table is distributed by on Citus. Tables by account are colocated; ``meta``
#: and the administration's tokens are on every node.
BY_ACCOUNT = {
    "account": "mid",
    "tally": "mid",
    "follower_tally": "mid",
    "relation": "owner",
    "grp": "owner",
    "content": "owner",
    "content_key": "owner",
    "session": "mid",
    "erasure": "mid",
    "change": "actor",
}
BY_OWN_KEY = {
    "account_name": "name",
    "content_holder": "id",
    "audit": "number",
}
ON_EVERY_NODE = ("meta", "admin_token")
#: On the coordinator alone: few rows, for minutes, which are found by code and by account.
ON_COORDINATOR = ("sign_in_grant",)


async def init(
    address: str,
    *,
    distribute: bool,
    shards: int | None = None,
    plan: Callable[[Distribution], None] | None = None,
) -> bool:
    """Create the tables if they do not exist; with ``distribute``, shard them with Citus.

    Existing tables are sharded too, into ``shards`` parts each; ``plan`` is called before. Return
    whether tables were created. An error leaves the
    database unchanged. Raise ``StoreError`` if the address is invalid, the server too old or, with
    ``distribute``, without Citus; ``StoreUnavailable`` if it does not answer.
    """
    connection = await _connected(address)
    try:
        with failures():
            async with connection.transaction():
                created = await _init(connection, schema_of(address), distribute=distribute)
                if distribute:
                    await _distribute(connection, shards, plan)
                return created
    finally:
        await connection.close()


async def prepare(address: str, *, create: bool, version: int = VERSION) -> bytes:
    """Check the store at an address and return its secret; ``create`` creates missing tables.

    Raise ``StoreError`` for an invalid address, an old server, a database without a store, and a
    schema that is not ``version``; ``StoreUnavailable`` if no server answers.
    """
    if create:
        await init(address, distribute=False)
    connection = await _connected(address)
    try:
        with failures():
            found = await stored_version(connection)
            if found is None:
                raise StoreMissing(
                    Text(
                        f"{redacted(address)} 没有库：模式 {schema_of(address)} 中没有"
                        " guanxi 的表，可用 `guanxi store init` 与同一地址建立",
                        f"there is no store at {redacted(address)}: the schema"
                        f" {schema_of(address)} has no tables of guanxi; create them by `guanxi"
                        " store init` with the same address",
                    )
                )
            _refuse_newer(address, found, version)
            if found < version:
                raise StoreError(
                    Text(
                        f"{redacted(address)} 的结构为 {found}，此版本为 {version}：请停止使用它的"
                        f"进程，再运行 `guanxi store migrate {redacted(address)}`",
                        f"{redacted(address)} has schema {found}, this guanxi knows {version}: stop"
                        f" what uses it and run `guanxi store migrate {redacted(address)}`",
                    )
                )
            secret = await connection.fetchval("SELECT value FROM meta WHERE name = 'secret'")
            return bytes(secret)
    finally:
        await connection.close()


async def migrate(
    address: str, *, version: int = VERSION, migrations: Mapping[int, str] = MIGRATIONS
) -> int:
    """Migrate a store to ``version`` in one transaction; return the version that it had.

    ``migrations`` gives the SQL by old version. Raise ``StoreError`` if there is no store, or its
    schema is newer or too old to migrate; ``StoreUnavailable`` if no server answers.
    """
    connection = await _connected(address)
    try:
        with failures():
            async with connection.transaction():
                found = await stored_version(connection)
                if found is None:
                    raise StoreMissing(
                        Text(
                            f"{redacted(address)} 没有库",
                            f"there is no store at {redacted(address)}",
                        )
                    )
                await connection.execute("LOCK TABLE meta IN ACCESS EXCLUSIVE MODE")
                # On Citus one connection per node may then change several tables.
                await connection.execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
                found = (
                    await stored_version(connection) or 0
                )  # another process may have migrated it
                _refuse_newer(address, found, version)
                for step in range(found, version):
                    if step not in migrations:
                        raise StoreError(
                            Text(
                                f"{redacted(address)} 的结构 {found} 对此版本过旧："
                                f"请先用结构为 {step + 1} 的版本升级",
                                f"{redacted(address)} has schema {found}, too old for this guanxi:"
                                f" bring it up to date with the version that knew schema"
                                f" {step + 1}",
                            )
                        )
                    for statement in _statements(migrations[step]):
                        await connection.execute(statement)
                await _put_version(connection, version)
                if found < version == VERSION and await citus.is_distributed(connection):
                    await citus.distribute(
                        connection, BY_ACCOUNT, BY_OWN_KEY, ON_EVERY_NODE, ON_COORDINATOR
                    )
                return found
    finally:
        await connection.close()


def _statements(sql: str) -> list[str]:
    """Return each statement of SQL whose texts have neither ``;`` nor ``--``.

    Citus refuses to change a distributed table by one of several that are sent together.
    """
    statements = re.sub("--.*", "", sql).split(";")
    return [statement.strip() for statement in statements if statement.strip()]


async def _connected(address: str) -> Connection:
    with failures():
        connection = await connect(address, PATIENT)
        try:
            where = addresses.read(address).where
            await pooler.refuse_shared(connection, partial(connect, address), where)
        except BaseException:
            connection.terminate()
            raise
    if connection.get_server_version().major < OLDEST_SERVER:
        await connection.close()
        raise StoreError(
            Text(
                f"{redacted(address)} 的 PostgreSQL 早于 {OLDEST_SERVER}",
                f"{redacted(address)} is older than PostgreSQL {OLDEST_SERVER}",
            )
        )
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":  # another one cannot hold every text
        await connection.close()
        raise StoreError(
            Text(
                f"{redacted(address)} 的编码为 {encoding}，存不下所有文本：请另建数据库，如"
                " `CREATE DATABASE guanxi ENCODING 'UTF8' TEMPLATE template0`",
                f"{redacted(address)} has the encoding {encoding}, which cannot hold every text:"
                " make a database like"
                " `CREATE DATABASE guanxi ENCODING 'UTF8' TEMPLATE template0`",
            )
        )
    return connection


def _refuse_newer(address: str, found: int, version: int) -> None:
    if found > version:
        raise StoreError(
            Text(
                f"{redacted(address)} 由更新的 guanxi 写成（结构 {found}，此版本为 {version}）："
                "请更新：`pip install -U guanxi`",
                f"{redacted(address)} was written by a newer guanxi (schema {found}, this one knows"
                f" {version}): update with `pip install -U guanxi`",
            )
        )


async def _init(connection: Connection, schema: str, *, distribute: bool) -> bool:
    if distribute and not await connection.fetchval(_CITUS):
        raise StoreError(
            Text(
                "此数据库没有 Citus：请安装并运行 `CREATE EXTENSION citus`，或去掉 --distribute",
                "this database has no Citus: install it and run `CREATE EXTENSION citus` there, or"
                " leave --distribute out",
            )
        )
    return await stored_version(connection) is None and await _create(connection, schema)


async def _distribute(
    connection: Connection, shards: int | None, plan: Callable[[Distribution], None] | None
) -> None:
    """Shard the tables that are not distributed yet; Citus must be installed."""
    found = await citus.distribution(connection, (*BY_ACCOUNT, *BY_OWN_KEY, *ON_EVERY_NODE))
    if found.shards is None and await connection.fetchval(_IS_RECORDED):
        raise StoreError(
            Text(
                "此库正在记录变更：请先用 `guanxi store changes off` 关闭，分布后再打开",
                "this store records changes: switch that off with `guanxi store changes off`,"
                " and on again when the store is distributed",
            )
        )
    if plan is not None:
        plan(found)
    # New tables join those of before, which have their number of shards already.
    if (count := found.shards or shards) is not None:
        await connection.execute(f"SET LOCAL citus.shard_count TO {count:d}")
    await citus.distribute(connection, BY_ACCOUNT, BY_OWN_KEY, ON_EVERY_NODE, ON_COORDINATOR)


async def _create(connection: Connection, schema: str) -> bool:
    """Create schema, tables, secret and version within the caller's transaction.

    Return False, and create nothing, if another process created them meanwhile.
    """
    try:
        async with connection.transaction():
            if await connection.fetchval("SELECT to_regnamespace($1)", schema) is None:
                await connection.execute(f"CREATE SCHEMA {schema}")
            await connection.execute(SCHEMA)
            await connection.execute(
                "INSERT INTO meta (name, value) VALUES ('secret', $1)", new_secret()
            )
            await _put_version(connection, VERSION)
    except _CREATED_MEANWHILE:
        return False
    return True


_IS_RECORDED = "SELECT EXISTS (SELECT 1 FROM meta WHERE name = 'changes')"
_CITUS = "SELECT count(*) = 1 FROM pg_extension WHERE extname = 'citus'"
_CREATED_MEANWHILE = (
    asyncpg.UniqueViolationError,
    asyncpg.DuplicateSchemaError,
    asyncpg.DuplicateTableError,
    asyncpg.DuplicateObjectError,
)


async def stored_version(connection: Connection) -> int | None:
    """Return the version of the schema, or None if there is no table ``meta``.

    Raise ``StoreError`` for a table ``meta`` of another program.
    """
    if await connection.fetchval("SELECT to_regclass('meta')") is None:
        return None
    try:
        return int(await connection.fetchval("SELECT value FROM meta WHERE name = 'version'"))
    except (TypeError, ValueError, asyncpg.UndefinedColumnError):
        raise StoreError(
            Text(
                "表 meta 属于其他程序，未作改动",
                "the table meta is that of another program; nothing was changed",
            )
        ) from None


async def _put_version(connection: Connection, version: int) -> None:
    await connection.execute(
        "INSERT INTO meta (name, value) VALUES ('version', $1)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        str(version).encode(),
    )
