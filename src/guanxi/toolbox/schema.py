"""The tables and views of an archive: one SQLite file for one account of one server.

The views are for readers and stay as they are documented (docs/tools.md); the tables may change
with ``VERSION``. Times in tables are seconds since the Unix epoch, in views UTC as text, as
SQLite's own ``datetime()`` has them, so that ``last_posted < date('now', '-2 years')`` works.

What a snapshot found is kept in intervals: a row is true from the snapshot ``first`` up to, and
not in, the snapshot ``until``; None: until now. A hundred snapshots of one list cost little more
than one.
"""

from __future__ import annotations

from guanxi.contract.relations import DEREGISTERED_NAME

VERSION = 1
#: "gxar": what file(1) and this program know an archive by.
APPLICATION_ID = 0x67786172

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY,
    begun INTEGER NOT NULL,
    ended INTEGER,                    -- NULL while it is being read
    calls INTEGER NOT NULL DEFAULT 0  -- requests that it took
);
-- What a snapshot knows of a list. A list that is not complete never says who left.
CREATE TABLE reading (
    snapshot INTEGER NOT NULL,
    list TEXT NOT NULL,               -- followings, followers, blocks, whispers, groups
    total INTEGER,                    -- what the server says
    shown INTEGER NOT NULL DEFAULT 0, -- what it showed
    complete INTEGER NOT NULL,
    reason TEXT,                      -- why not: cap, hidden, moved, interrupted, refused
    PRIMARY KEY (snapshot, list)
) WITHOUT ROWID;
-- Where the walk over a list of an unfinished snapshot has come to: JSON.
CREATE TABLE progress (list TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE staged (
    list TEXT NOT NULL,
    pass INTEGER NOT NULL,            -- which reading of the list: a moved list is read again
    position INTEGER NOT NULL,
    mid INTEGER NOT NULL,
    since INTEGER NOT NULL,
    attribute INTEGER NOT NULL,
    special INTEGER NOT NULL,
    groups TEXT,                      -- ids as a JSON array, ascending; NULL for none
    name TEXT NOT NULL, sign TEXT NOT NULL, face TEXT NOT NULL, verified TEXT NOT NULL,
    PRIMARY KEY (list, pass, position)
) WITHOUT ROWID;
CREATE TABLE staged_group (id INTEGER PRIMARY KEY, name TEXT NOT NULL, position INTEGER NOT NULL);

CREATE TABLE item (
    list TEXT NOT NULL,
    mid INTEGER NOT NULL,
    first INTEGER NOT NULL,
    until INTEGER,
    seen INTEGER NOT NULL,            -- the last snapshot that saw it; older: unknown since
    since INTEGER NOT NULL,           -- mtime: followed, or blocked, at this time
    tie INTEGER NOT NULL,             -- order among equal `since`, the oldest first
    attribute INTEGER NOT NULL,       -- as the list shows it: 6 is mutual
    special INTEGER NOT NULL,
    groups TEXT,
    PRIMARY KEY (list, mid, first)
) WITHOUT ROWID;
CREATE TABLE profile (
    mid INTEGER NOT NULL,
    first INTEGER NOT NULL,
    until INTEGER,
    name TEXT NOT NULL, sign TEXT NOT NULL, face TEXT NOT NULL, verified TEXT NOT NULL,
    PRIMARY KEY (mid, first)          -- with a rowid: long rows are appended, not sorted in
);
CREATE TABLE grp (
    id INTEGER NOT NULL,
    first INTEGER NOT NULL,
    until INTEGER,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,        -- in the order of the server
    PRIMARY KEY (id, first)
) WITHOUT ROWID;

-- The newest values, each with the time when it was read; the walk over them can be interrupted.
CREATE TABLE fact (
    mid INTEGER PRIMARY KEY,
    state TEXT,                       -- active, never_posted, banned, deregistered
    last_posted INTEGER,
    posted_read INTEGER,
    fans INTEGER, posts INTEGER, zone TEXT,
    facts_read INTEGER,
    last_watched INTEGER
);
CREATE TABLE note (mid INTEGER PRIMARY KEY, text TEXT NOT NULL, written INTEGER NOT NULL);
CREATE TABLE mark (mid INTEGER PRIMARY KEY, reason TEXT NOT NULL, written INTEGER NOT NULL);
-- Differences that were not delivered to a webhook yet.
CREATE TABLE post (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,                 -- for the receiver, who may get a post twice
    written INTEGER NOT NULL,
    body TEXT NOT NULL                -- JSON
);

-- Plans that were applied, and every act of them: written before it is sent and after its answer.
CREATE TABLE plan (
    id TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    header TEXT NOT NULL,             -- as in the file
    begun INTEGER NOT NULL,
    ended INTEGER                     -- when nothing was left to do
) WITHOUT ROWID;
CREATE TABLE act (
    plan TEXT NOT NULL,
    number INTEGER NOT NULL,          -- the act's number in the plan
    kind TEXT NOT NULL,
    mid INTEGER,
    name TEXT,
    body TEXT NOT NULL,               -- the act, as in the file
    before TEXT,                      -- the relation before it: JSON
    tries INTEGER NOT NULL DEFAULT 1,
    begun INTEGER NOT NULL,
    ended INTEGER,                    -- NULL: unknown whether it was done
    outcome TEXT,                     -- one of ``journal.OUTCOMES``
    code INTEGER, message TEXT,
    PRIMARY KEY (plan, number)
) WITHOUT ROWID;
CREATE INDEX act_ended ON act (ended);
"""

#: ``{…}`` is the condition for rows of one alias that are true at a snapshot, see ``views``.
_VIEWS = {
    "snapshots": """
SELECT s.id, datetime(s.begun, 'unixepoch') AS begun, datetime(s.ended, 'unixepoch') AS ended,
    s.calls,
    max(CASE WHEN r.list = 'followings' THEN r.shown END) AS followings,
    max(CASE WHEN r.list = 'followers' THEN r.shown END) AS followers,
    max(CASE WHEN r.list = 'blocks' THEN r.shown END) AS blocks,
    max(CASE WHEN r.list = 'whispers' THEN r.shown END) AS whispers,
    group_concat(CASE WHEN NOT r.complete THEN r.list || ': ' || r.reason END, ', ') AS incomplete
FROM snapshot AS s LEFT JOIN reading AS r ON r.snapshot = s.id
GROUP BY s.id""",
    "accounts": """
SELECT p.mid, p.name, p.sign, p.face, p.verified,
    CASE WHEN p.name = '%(deregistered)s' THEN 'deregistered'
        ELSE coalesce(f.state, 'unknown') END AS state,
    datetime(f.last_posted, 'unixepoch') AS last_posted,
    datetime(f.last_watched, 'unixepoch') AS last_watched,
    f.fans, f.posts, f.zone,
    datetime(f.posted_read, 'unixepoch') AS last_posted_read,
    datetime(f.facts_read, 'unixepoch') AS facts_read,
    n.text AS note, k.mid IS NOT NULL AS keep, k.reason AS keep_reason
FROM profile AS p
LEFT JOIN fact AS f ON f.mid = p.mid
LEFT JOIN note AS n ON n.mid = p.mid
LEFT JOIN mark AS k ON k.mid = p.mid
WHERE {p}""",
    "followings": """
SELECT i.mid, a.name, a.sign, datetime(nullif(i.since, 0), 'unixepoch') AS followed_at,
    i.attribute = 6 AS mutual, i.special,
    (SELECT group_concat(g.name, ', ') FROM json_each(i.groups) AS e
        JOIN grp AS g ON g.id = e.value AND {g}) AS groups,
    a.state, a.last_posted, a.last_watched, a.fans, a.posts, a.zone, a.verified, a.face,
    a.note, a.keep, a.keep_reason, a.last_posted_read, a.facts_read,
    i.first AS first_snapshot, i.since, i.tie
FROM item AS i LEFT JOIN accounts AS a ON a.mid = i.mid
WHERE i.list = 'followings' AND {i}""",
    "followers": """
SELECT i.mid, a.name, a.sign, datetime(nullif(i.since, 0), 'unixepoch') AS followed_at,
    i.attribute = 6 AS mutual, i.attribute IN (2, 6) AS followed,
    a.state, a.last_posted, a.fans, a.posts, a.verified, a.face, a.note, a.keep, a.keep_reason,
    i.first AS first_snapshot, i.seen AS last_seen, i.since, i.tie
FROM item AS i LEFT JOIN accounts AS a ON a.mid = i.mid
WHERE i.list = 'followers' AND {i}""",
    "blocks": """
SELECT i.mid, a.name, a.sign, datetime(nullif(i.since, 0), 'unixepoch') AS blocked_at,
    a.state, a.note, a.keep, i.first AS first_snapshot, i.since, i.tie
FROM item AS i LEFT JOIN accounts AS a ON a.mid = i.mid
WHERE i.list = 'blocks' AND {i}""",
    "whispers": """
SELECT i.mid, a.name, a.sign, datetime(nullif(i.since, 0), 'unixepoch') AS followed_at,
    a.state, a.last_posted, a.note, a.keep, i.first AS first_snapshot, i.since, i.tie
FROM item AS i LEFT JOIN accounts AS a ON a.mid = i.mid
WHERE i.list = 'whispers' AND {i}""",
    "members": """
SELECT g.id AS group_id, g.name AS group_name, i.mid, p.name
FROM item AS i JOIN json_each(i.groups) AS e JOIN grp AS g ON g.id = e.value AND {g}
LEFT JOIN profile AS p ON p.mid = i.mid AND {p}
WHERE i.list = 'followings' AND {i}""",
    "groups": """
SELECT g.id, g.name, (SELECT count(*) FROM members AS m WHERE m.group_id = g.id) AS count,
    g.first AS first_snapshot, g.position
FROM grp AS g WHERE {g}""",
    "changes": """
SELECT n.first AS snapshot, n.list, n.mid, 'came' AS change, NULL AS old, NULL AS new
FROM item AS n
WHERE n.first > (SELECT min(r.snapshot) FROM reading AS r WHERE r.list = n.list)
    AND NOT EXISTS (SELECT 1 FROM item AS o
        WHERE o.list = n.list AND o.mid = n.mid AND o.until = n.first)
UNION ALL
SELECT o.until, o.list, o.mid, 'left', NULL, NULL FROM item AS o
WHERE o.until IS NOT NULL AND NOT EXISTS (SELECT 1 FROM item AS n
    WHERE n.list = o.list AND n.mid = o.mid AND n.first = o.until)
UNION ALL
SELECT n.first, n.list, n.mid, CASE WHEN n.attribute = 6 THEN 'mutual' ELSE 'not mutual' END,
    NULL, NULL
FROM item AS o JOIN item AS n ON n.list = o.list AND n.mid = o.mid AND n.first = o.until
WHERE n.list = 'followings' AND (o.attribute = 6) <> (n.attribute = 6)
UNION ALL
SELECT n.first, n.list, n.mid, CASE WHEN n.special THEN 'special' ELSE 'not special' END,
    NULL, NULL
FROM item AS o JOIN item AS n ON n.list = o.list AND n.mid = o.mid AND n.first = o.until
WHERE o.special <> n.special
UNION ALL
SELECT n.first, n.list, n.mid, 'groups', o.groups, n.groups
FROM item AS o JOIN item AS n ON n.list = o.list AND n.mid = o.mid AND n.first = o.until
WHERE o.groups IS NOT n.groups
UNION ALL
SELECT n.first, 'accounts', n.mid,
    CASE WHEN n.name = '%(deregistered)s' THEN 'deregistered' ELSE 'renamed' END, o.name, n.name
FROM profile AS o JOIN profile AS n ON n.mid = o.mid AND n.first = o.until
WHERE o.name <> n.name""",
    "notes": "SELECT mid, text, datetime(written, 'unixepoch') AS written FROM note",
    "keep": "SELECT mid, reason, datetime(written, 'unixepoch') AS written FROM mark",
    "acts": """
SELECT a.plan, p.command, a.number, a.kind, a.mid, a.name, a.outcome, a.code, a.message, a.tries,
    datetime(a.begun, 'unixepoch') AS begun, datetime(a.ended, 'unixepoch') AS ended
FROM act AS a JOIN plan AS p ON p.id = a.plan""",
}

#: The views, in the order in which they depend on each other.
VIEWS = tuple(_VIEWS)


def views(at: int | None = None) -> str:
    """Return the SQL of all views; with ``at`` of temporary ones that show this snapshot.

    A temporary view hides the one of the same name. Without ``at`` they show the newest snapshot.
    """
    kind = "VIEW" if at is None else "TEMP VIEW"
    true = (
        "{0}.until IS NULL"
        if at is None
        else (f"({{0}}.first <= {at:d} AND ({{0}}.until IS NULL OR {{0}}.until > {at:d}))")
    )
    conditions = {alias: true.format(alias) for alias in ("i", "p", "g")}
    values = {"deregistered": DEREGISTERED_NAME}
    return "".join(
        f"CREATE {kind} {name} AS {(sql % values).strip().format(**conditions)};\n"
        for name, sql in _VIEWS.items()
    )
