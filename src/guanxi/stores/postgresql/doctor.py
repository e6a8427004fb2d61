"""Checks of a server, of its settings and of what is stored, on every node of Citus.

Each check is a read that yields findings. None locks, and none reads a whole table.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec

from guanxi.stores.port import Finding, Level
from guanxi.stores.postgresql import addresses, citus, pooler
from guanxi.stores.postgresql.connections import PATIENT, Connection, connect, failures
from guanxi.stores.postgresql.ends import one_ended
from guanxi.stores.postgresql.schema import (
    BY_ACCOUNT,
    BY_OWN_KEY,
    OLDEST_SERVER,
    ON_EVERY_NODE,
    SCHEMA,
    VERSION,
    stored_version,
)
from guanxi.text import Text

_Row = dict[str, Any]

#: Seconds that clocks may differ, that a prepared transaction may wait and that one may run.
_CLOCK_SECONDS, _PREPARED_SECONDS, _LONG_SECONDS = 1.0, 60, 600
#: The part of ``max_connections`` that is a warning, and that is an error.
_MANY, _TOO_MANY = 0.8, 0.95
#: Dead rows for each living one, and how many at least; the size of an index for each packed one,
#: and how many bytes at least; the age of the oldest transaction id; the log kept for a slot.
_DEAD, _DEAD_ROWS = 0.2, 50_000
_LOOSE, _LOOSE_BYTES = 2.5, 64 * 1024**2
_OLD_IDS, _KEPT_LOG = 1_000_000_000, 1024**3
#: How many of many things a finding names.
_SHOWN = 3
#: How many rows of relations are compared with their other ends.
_SAMPLE = 2_000


class Patient(NamedTuple):
    """The examined database: a connection, its schema, and the names of its nodes."""

    db: Connection
    where: str
    schema: str
    #: By Citus's number; empty without Citus.
    nodes: Mapping[int, str]


async def examine(address: str) -> AsyncIterator[Finding]:
    """Yield the finding of each check of the server and store at an address.

    Raise ``StoreError`` if the address is invalid, ``StoreUnavailable`` if no server answers.
    """
    target = addresses.read(address)
    with failures():
        db = await connect(address, PATIENT)
        try:
            has_citus = await db.fetchval("SELECT to_regclass('pg_dist_node') IS NOT NULL")
            nodes = (
                {one["nodeid"]: one["name"] for one in await db.fetch(_NODES)} if has_citus else {}
            )
            patient = Patient(db, target.where, target.schema, nodes)
            for check in _CHECKS:
                try:
                    async for finding in check(patient):
                        yield finding
                except asyncpg.InsufficientPrivilegeError as error:
                    yield _finding(
                        check.__name__.strip("_").replace("_", " "),
                        Level.WARNING,
                        Text(f"无权查看：{error.args[0]}", f"not allowed to look: {error.args[0]}"),
                        Text("GRANT pg_monitor TO 此角色", "GRANT pg_monitor TO this role"),
                    )
        finally:
            await db.close()


_NODES = "SELECT nodeid, nodename || ':' || nodeport AS name FROM pg_dist_node ORDER BY nodeid"
_ON_NODES = "SELECT nodeid, success, result FROM run_command_on_all_nodes($1)"


async def _everywhere(patient: Patient, statement: str) -> dict[str, list[_Row] | None]:
    """Return the rows of a statement on each node, None for a node that does not answer."""
    if not patient.nodes:
        return {patient.where: [dict(row) for row in await patient.db.fetch(statement)]}
    packed = (
        f"SELECT coalesce(json_agg(row_to_json(found)), '[]')::text FROM ({statement}) AS found"
    )
    return {
        patient.nodes[node]: msgspec.json.decode(result) if success else None
        for node, success, result in await patient.db.fetch(_ON_NODES, packed)
    }


def _finding(check: str, level: Level, found: Text, advice: Text | None = None) -> Finding:
    return Finding(check, level, found, None if level is Level.OK else advice)


def _same(text: str) -> Text:
    return Text(text, text)


def _listed(zh: str, en: str, items: Sequence[str]) -> Text:
    """Return a text with the first of the items after it."""
    shown = ", ".join(items[:_SHOWN]) + (f" … ({len(items)})" if len(items) > _SHOWN else "")
    return Text(f"{zh}：{shown}", f"{en}: {shown}")


async def _nodes(patient: Patient) -> AsyncIterator[Finding]:
    if not patient.nodes:
        return
    rows = await patient.db.fetch(
        "SELECT nodename || ':' || nodeport AS name, isactive AND metadatasynced AS fit"
        " FROM pg_dist_node ORDER BY nodeid"
    )
    answers = await _everywhere(patient, "SELECT 1 AS one")
    bad = [name for name, fit in rows if not fit or answers.get(name) is None]
    yield _finding(
        "nodes",
        Level.ERROR if bad else Level.OK,
        _listed("无法使用", "not usable", bad) if bad else _same(", ".join(answers)),
        Text(
            "启动这些节点，再运行 citus_activate_node(名称, 端口)",
            "start these nodes, then SELECT citus_activate_node(name, port)",
        ),
    )


_VERSIONS = """
SELECT current_setting('server_version') AS server,
(SELECT extversion FROM pg_extension WHERE extname = 'citus') AS citus
"""


async def _versions(patient: Patient) -> AsyncIterator[Finding]:
    answers = await _everywhere(patient, _VERSIONS)
    rows = {name: each[0] for name, each in answers.items() if each}
    for check, key in (("PostgreSQL", "server"), ("Citus", "citus")):
        versions = {name: row[key] for name, row in rows.items() if row[key]}
        if not versions:
            continue
        unique = sorted(set(versions.values()))
        old = check == "PostgreSQL" and int(unique[0].split(".")[0]) < OLDEST_SERVER
        found = _same(", ".join(unique))
        if len(unique) > 1:
            found = _same(", ".join(f"{name} {version}" for name, version in versions.items()))
        yield _finding(
            check,
            Level.ERROR
            if old or (len(unique) > 1 and key == "citus")
            else Level.OK
            if len(unique) == 1
            else Level.WARNING,
            found,
            Text(
                f"请让所有节点为同一版本，不早于 PostgreSQL {OLDEST_SERVER}",
                f"install one version on all nodes, PostgreSQL {OLDEST_SERVER} or later",
            ),
        )


async def _schema(patient: Patient) -> AsyncIterator[Finding]:
    found = await stored_version(patient.db)
    if found is None:
        text = Text(f"{patient.schema} 中没有表", f"no tables in {patient.schema}")
        advice = Text("guanxi store init ADDRESS", "guanxi store init ADDRESS")
    else:
        text = Text(f"结构 {found}，此版本为 {VERSION}", f"schema {found}, this guanxi: {VERSION}")
        advice = (
            Text(
                "停止服务，再 guanxi store migrate", "stop the services, then guanxi store migrate"
            )
            if found < VERSION
            else Text("更新 guanxi", "update guanxi")
        )
    yield _finding("schema", Level.OK if found == VERSION else Level.ERROR, text, advice)


class _Setting(NamedTuple):
    """A setting of each node: what it has to be, and why."""

    name: str
    fits: Callable[[str, Mapping[str, str]], bool]
    level: Level
    wanted: str
    why: Text
    only_citus: bool = False


def _is(*values: str) -> Callable[[str, Mapping[str, str]], bool]:
    return lambda value, _: value in values


#: What each node has to be set to.
SETTINGS = (
    _Setting(
        "fsync", _is("on"), Level.ERROR, "on",
        Text("否则断电会损坏库", "or a power failure damages the store"),
    ),
    _Setting(
        "full_page_writes", _is("on"), Level.ERROR, "on",
        Text("否则断电会损坏库", "or a power failure damages the store"),
    ),
    _Setting(
        "autovacuum", _is("on"), Level.ERROR, "on",
        Text("否则表会不断变大", "or tables grow without end"),
    ),
    _Setting(
        "wal_level", _is("logical"), Level.WARNING, "logical",
        Text("否则无法移动分片", "or shards cannot be moved"), True,
    ),
    _Setting(
        "max_prepared_transactions",
        lambda value, all_: int(value) >= int(all_["max_connections"]),
        Level.ERROR, ">= max_connections",
        Text("否则两阶段提交会失败", "or two-phase commits fail"), True,
    ),
    _Setting(
        "citus.recover_2pc_interval",
        lambda value, _: 0 < int(value) <= 60_000,
        Level.WARNING, "1min",
        Text("否则丢失的节点留下的事务不会结束", "or what a lost node left prepared stays"), True,
    ),
)  # fmt: skip
_SHOW = """
SELECT name, setting FROM pg_settings WHERE name IN ({})
"""


async def _settings(patient: Patient) -> AsyncIterator[Finding]:
    wanted = [one for one in SETTINGS if patient.nodes or not one.only_citus]
    names = ", ".join(f"'{name}'" for name in ("max_connections", *(one.name for one in wanted)))
    answers = await _everywhere(patient, _SHOW.format(names))
    values = {
        node: {row["name"]: row["setting"] for row in rows}
        for node, rows in answers.items()
        if rows
    }
    for one in wanted:
        bad = {
            node: shown.get(one.name, "-")
            for node, shown in values.items()
            if one.name not in shown or not one.fits(shown[one.name], shown)
        }
        found = {shown.get(one.name, "-") for shown in values.values()}
        yield _finding(
            one.name,
            one.level if bad else Level.OK,
            _same(", ".join(f"{node}: {value}" for node, value in bad.items()))
            if bad
            else _same(", ".join(sorted(found))),
            Text(
                f"ALTER SYSTEM SET {one.name} = {one.wanted}，再重启节点；{one.why.zh}",
                f"ALTER SYSTEM SET {one.name}, to {one.wanted}, and restart the node: {one.why.en}",
            ),
        )


_CONNECTIONS = """
SELECT count(*) AS used, current_setting('max_connections')::int AS most,
count(*) FILTER (WHERE application_name = 'guanxi') AS ours
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


async def _connections(patient: Patient) -> AsyncIterator[Finding]:
    for node, rows in (await _everywhere(patient, _CONNECTIONS)).items():
        if not rows:
            continue
        used, most, ours = rows[0]["used"], rows[0]["most"], rows[0]["ours"]
        part = used / most
        yield _finding(
            "connections",
            Level.ERROR if part >= _TOO_MANY else Level.WARNING if part >= _MANY else Level.OK,
            Text(
                f"{node}：{most} 个中的 {used} 个，guanxi 直接用 {ours} 个",
                f"{node}: {used} of {most}, {ours} directly by guanxi",
            ),
            Text(
                "提高 max_connections（与 max_prepared_transactions），或减少 workers",
                "raise max_connections (and max_prepared_transactions), or run fewer workers",
            ),
        )
    if await pooler.has_pooler(patient.db):
        yield _finding(
            "pooler",
            Level.OK,
            Text("在连接池之后，会话模式可用", "behind a pooler, which must be in session mode"),
        )


_COLOCATED = """
SELECT relname::text AS name, colocationid FROM pg_dist_partition
JOIN pg_class ON oid = logicalrelid WHERE relnamespace = current_schema()::regnamespace
"""
_BALANCE = """
SELECT nodename || ':' || nodeport AS node, count(shardid) AS shards
FROM pg_dist_node LEFT JOIN (
    SELECT shardid, groupid FROM pg_dist_placement JOIN pg_dist_shard USING (shardid)
    WHERE logicalrelid = to_regclass('relation')
) AS placed USING (groupid)
WHERE shouldhaveshards GROUP BY node ORDER BY node
"""


async def _distribution(patient: Patient) -> AsyncIterator[Finding]:
    if not patient.nodes or await stored_version(patient.db) is None:
        return
    found = await citus.distribution(patient.db, (*BY_ACCOUNT, *BY_OWN_KEY, *ON_EVERY_NODE))
    init = Text("guanxi store init ADDRESS --distribute", "guanxi store init ADDRESS --distribute")
    if found.shards is None:
        yield _finding(
            "distribution",
            Level.WARNING,
            Text("表没有分布", "the tables are not distributed"),
            init,
        )
        return
    yield _finding(
        "distribution",
        Level.ERROR if found.pending else Level.OK,
        _listed("未分布", "not distributed", found.pending)
        if found.pending
        else Text(
            f"{found.nodes} 个节点，每表 {found.shards} 个分片",
            f"{found.nodes} nodes, {found.shards} shards of each table",
        ),
        init,
    )
    groups = {row["name"]: row["colocationid"] for row in await patient.db.fetch(_COLOCATED)}
    apart = [name for name in BY_ACCOUNT if groups.get(name) != groups.get("relation")]
    yield _finding(
        "colocation",
        Level.ERROR if apart else Level.OK,
        _listed("不与 relation 同处", "not with relation", apart)
        if apart
        else Text("一个账号的行在同一节点", "all rows of an account are on one node"),
        Text(
            "SELECT update_distributed_table_colocation(表, 'relation')",
            "SELECT update_distributed_table_colocation(table, 'relation')",
        ),
    )
    shards = {row["node"]: row["shards"] for row in await patient.db.fetch(_BALANCE)}
    uneven = max(shards.values()) - min(shards.values()) > 1 + found.shards // 10
    yield _finding(
        "balance",
        Level.WARNING if uneven else Level.OK,
        _same(", ".join(f"{node}: {count}" for node, count in shards.items())),
        Text("SELECT citus_rebalance_start()", "SELECT citus_rebalance_start()"),
    )


_PREPARED = """
SELECT gid, extract(epoch FROM now() - prepared)::int AS seconds FROM pg_prepared_xacts
WHERE database = current_database() AND prepared < now() - interval '{} s'
"""


async def _prepared(patient: Patient) -> AsyncIterator[Finding]:
    left = [
        f"{node} {row['gid']} ({row['seconds']} s)"
        for node, rows in (await _everywhere(patient, _PREPARED.format(_PREPARED_SECONDS))).items()
        for row in rows or ()
    ]
    yield _finding(
        "prepared",
        Level.ERROR if left else Level.OK,
        _listed("遗留", "left over", left)
        if left
        else Text("没有遗留的事务", "no transaction is left over"),
        Text(
            "SELECT recover_prepared_transactions()；不是 citus_ 开头的用 ROLLBACK PREPARED",
            "SELECT recover_prepared_transactions(); ROLLBACK PREPARED those not named citus_",
        ),
    )


_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8 AS now"


async def _clock(patient: Patient) -> AsyncIterator[Finding]:
    begin = time.time()
    here = float(await patient.db.fetchval(_CLOCK))
    end = time.time()
    apart = {"guanxi": abs(here - (begin + end) / 2) - (end - begin) / 2}
    began = time.time()
    answers = await _everywhere(patient, _CLOCK)
    took = time.time() - began
    clocks = {node: rows[0]["now"] for node, rows in answers.items() if rows}
    for node, clock in clocks.items():
        apart[node] = abs(clock - min(clocks.values())) - took
    worst = max(apart, key=lambda node: apart[node])
    yield _finding(
        "clock",
        Level.WARNING if apart[worst] > _CLOCK_SECONDS else Level.OK,
        Text(f"{worst} 相差 {apart[worst]:.1f} 秒", f"{worst} is {apart[worst]:.1f} s off")
        if apart[worst] > _CLOCK_SECONDS
        else Text("差别小于 1 秒", "less than a second apart"),
        Text("在每台机器上运行 NTP", "run NTP on each machine"),
    )


_INDEXES = """
SELECT tables.relname AS name, array_agg(indexes.relname) AS all,
array_agg(indexes.relname) FILTER (WHERE NOT indisvalid) AS invalid
FROM pg_class AS tables LEFT JOIN pg_index ON indrelid = tables.oid
LEFT JOIN pg_class AS indexes ON indexes.oid = indexrelid
WHERE tables.relkind = 'r' AND tables.relnamespace = to_regnamespace({schema})
GROUP BY tables.relname
"""
_SHARD = re.compile(r"_\d{5,}$")


def expected_indexes() -> dict[str, set[str]]:
    """Return the names of the indexes of each table, primary keys included."""
    expected = {name: {f"{name}_pkey"} for name in re.findall(r"CREATE TABLE (\w+)", SCHEMA)}
    for index, table in re.findall(r"CREATE INDEX (\w+) ON (\w+)", SCHEMA):
        expected[table].add(index)
    return expected


async def _indexes(patient: Patient) -> AsyncIterator[Finding]:
    if await stored_version(patient.db) != VERSION:
        return
    expected = expected_indexes()
    schema = "'" + '"{}"'.format(patient.schema.replace('"', '""')).replace("'", "''") + "'"
    missing: set[str] = set()
    invalid: set[str] = set()
    for node, rows in (await _everywhere(patient, _INDEXES.format(schema=schema))).items():
        for row in rows or ():
            have = {_SHARD.sub("", name) for name in row["all"] or () if name}
            for index in expected.get(_SHARD.sub("", row["name"]), set()) - have:
                missing.add(f"{index} ({node} {row['name']})")
            invalid.update(f"{name} ({node})" for name in row["invalid"] or ())
    yield _finding(
        "indexes",
        Level.ERROR if missing or invalid else Level.OK,
        _listed("缺少", "missing", sorted(missing))
        if missing
        else _listed("无效", "not valid", sorted(invalid))
        if invalid
        else Text("都在", "all there"),
        Text(
            "按 guanxi 的定义建立：guanxi store copy 到新库，或 REINDEX INDEX CONCURRENTLY",
            "REINDEX INDEX CONCURRENTLY what is not valid; create what is missing as a new store"
            " (guanxi store init) has it",
        ),
    )


_BLOAT = """
SELECT relname AS name, n_dead_tup AS dead, n_live_tup AS live FROM pg_stat_user_tables
WHERE schemaname = {schema} AND n_dead_tup > 0
"""
# Indexes of numbers alone, whose packed size is known: each entry has 12 bytes more than its keys.
_LOOSE_INDEXES = """
SELECT indexes.relname AS name, relpages::bigint * 8192 AS bytes,
reltuples * (12 + width) / 0.9 AS packed
FROM pg_class AS indexes JOIN (
    SELECT attrelid, sum((attlen + 7) / 8 * 8) AS width FROM pg_attribute
    WHERE attnum > 0 GROUP BY attrelid HAVING min(attlen) > 0
) AS keys ON attrelid = indexes.oid
WHERE relkind = 'i' AND reltuples > 0 AND relnamespace = to_regnamespace({schema})
"""


async def _bloat(patient: Patient) -> AsyncIterator[Finding]:
    schema = "'" + patient.schema.replace("'", "''") + "'"
    dead: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for rows in (await _everywhere(patient, _BLOAT.format(schema=schema))).values():
        for row in rows or ():
            sums = dead[_SHARD.sub("", row["name"])]
            sums[0] += row["dead"]
            sums[1] += row["live"]
    many = {
        name: of for name, of in dead.items() if of[0] > _DEAD_ROWS and of[0] > _DEAD * (of[1] + 1)
    }
    yield _finding(
        "dead rows",
        Level.WARNING if many else Level.OK,
        _same(", ".join(f"{name}: {of[0]:,}" for name, of in sorted(many.items())))
        if many
        else Text("不多", "few"),
        Text("VACUUM (ANALYZE) 表", "VACUUM (ANALYZE) the table; look for long transactions"),
    )
    quoted = "'" + '"{}"'.format(patient.schema.replace('"', '""')).replace("'", "''") + "'"
    sizes: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for rows in (await _everywhere(patient, _LOOSE_INDEXES.format(schema=quoted))).values():
        for row in rows or ():
            of = sizes[_SHARD.sub("", row["name"])]
            of[0] += row["bytes"]
            of[1] += row["packed"]
    loose = {
        name: size / packed
        for name, (size, packed) in sizes.items()
        if size > _LOOSE_BYTES and size > _LOOSE * packed
    }
    yield _finding(
        "loose indexes",
        Level.WARNING if loose else Level.OK,
        _same(", ".join(f"{name}: × {factor:.1f}" for name, factor in sorted(loose.items())))
        if loose
        else Text("没有", "none"),
        Text("REINDEX INDEX CONCURRENTLY 名称", "REINDEX INDEX CONCURRENTLY name"),
    )


_LONG = f"""
SELECT pid, application_name AS name, extract(epoch FROM now() - xact_start)::int AS seconds
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
AND backend_type = 'client backend' AND xact_start < now() - interval '{_LONG_SECONDS} s'
"""
_SLOTS = f"""
SELECT slot_name AS name, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS bytes
FROM pg_replication_slots WHERE NOT active
AND pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) > {_KEPT_LOG}
"""
_AGE = "SELECT age(datfrozenxid) AS age FROM pg_database WHERE datname = current_database()"


async def _held(patient: Patient) -> AsyncIterator[Finding]:
    long = [
        f"{node} {row['pid']} {row['name']} ({row['seconds']} s)"
        for node, rows in (await _everywhere(patient, _LONG)).items()
        for row in rows or ()
    ]
    yield _finding(
        "long transactions",
        Level.WARNING if long else Level.OK,
        _listed("很久", "since long", long) if long else Text("没有", "none"),
        Text("用 pg_terminate_backend(pid) 结束", "end it: SELECT pg_terminate_backend(pid)"),
    )
    slots = [
        f"{node} {row['name']}"
        for node, rows in (await _everywhere(patient, _SLOTS)).items()
        for row in rows or ()
    ]
    yield _finding(
        "unused slots",
        Level.WARNING if slots else Level.OK,
        _same(", ".join(slots)) if slots else Text("没有", "none"),
        Text("SELECT pg_drop_replication_slot(名称)", "SELECT pg_drop_replication_slot(name)"),
    )
    ages = {
        node: rows[0]["age"] for node, rows in (await _everywhere(patient, _AGE)).items() if rows
    }
    oldest = max(ages.values())
    yield _finding(
        "transaction ids",
        Level.ERROR if oldest > _OLD_IDS else Level.OK,
        Text(f"已用 {oldest:,}", f"the oldest is {oldest:,} back"),
        Text("VACUUM FREEZE", "VACUUM FREEZE, and see why autovacuum does not"),
    )


async def _ends(patient: Patient) -> AsyncIterator[Finding]:
    if await stored_version(patient.db) != VERSION:
        return
    looked, found = await one_ended(patient.db, _SAMPLE)
    yield _finding(
        "one-ended pairs",
        Level.ERROR if found else Level.OK,
        _listed("两端不同", "the ends differ", [f"{one}-{other}" for one, other in found])
        if found
        else Text(f"抽查 {looked:,} 行，没有", f"none in a sample of {looked:,} rows"),
        Text(
            "guanxi check --store ADDRESS 列出全部", "guanxi check --store ADDRESS lists them all"
        ),
    )


_Check = Callable[[Patient], AsyncIterator[Finding]]
_CHECKS: Sequence[_Check] = (
    _nodes, _versions, _schema, _settings, _connections, _distribution, _prepared, _clock,
    _indexes, _bloat, _held, _ends,
)  # fmt: skip
