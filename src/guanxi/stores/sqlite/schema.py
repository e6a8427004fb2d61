"""The store's tables: their version, and the SQL that leads from each version to the next."""

from __future__ import annotations

from collections.abc import Mapping

from guanxi.graph.pair import SPECIAL
from guanxi.stores.tails import AFTER_NAME, BEFORE_NAME

APPLICATION_ID = int.from_bytes(b"GuXi", "big")
VERSION = 4

#: Bits of ``following.flags`` and ``follower.flags``, about the row's owner and item:
#: they follow each other; the item is in the owner's special group; it is in another group of the
#: owner; the owner has a contract with the item; the item has one with the owner. Rows of
#: ``follower`` never have the group bits.
MUTUAL, SPECIAL_BIT, GROUPED, OWNER_CONTRACT, ITEM_CONTRACT = 1, 2, 4, 8, 16
IN_GROUPS = SPECIAL_BIT | GROUPED
CONTRACTS = OWNER_CONTRACT | ITEM_CONTRACT

# Lists are clustered by owner and sort key (column `place`), so that a page is read from adjacent
# rows however long the list is. An index by target contains the sort key too (SQLite appends the
# rest of the primary key), so that mtimes are read from it alone. `member` repeats the sort key, to
# page a group the same way.
_RELATIONS = """
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    mid INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    hide_followings INTEGER NOT NULL,
    hide_followers INTEGER NOT NULL,
    refuse_follows INTEGER NOT NULL,
    folded TEXT NOT NULL, -- the name without case, as search compares it
    name TEXT NOT NULL,
    face TEXT NOT NULL,
    face_nft INTEGER NOT NULL,
    sign TEXT NOT NULL,
    official_type INTEGER NOT NULL,
    official_desc TEXT NOT NULL,
    vip_type INTEGER NOT NULL,
    vip_due_ms INTEGER NOT NULL,
    vip_status INTEGER NOT NULL,
    live INTEGER NOT NULL,
    live_url TEXT NOT NULL,
    nft_icon TEXT NOT NULL
) STRICT;

-- Derived from the card, spliced into list items: the name alone if the rest is the default. In a
-- table of its own, to keep rows small.
CREATE TABLE tail (
    mid INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    tail BLOB NOT NULL
) STRICT;

CREATE TABLE tally (
    mid INTEGER PRIMARY KEY,
    following INTEGER NOT NULL DEFAULT 0,
    whisper INTEGER NOT NULL DEFAULT 0,
    black INTEGER NOT NULL DEFAULT 0,
    follower INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,
    follower_version INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE session (
    digest BLOB PRIMARY KEY,
    mid INTEGER NOT NULL,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_mid ON session (mid);

CREATE TABLE following (
    owner INTEGER NOT NULL,
    place INTEGER NOT NULL,
    target INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    PRIMARY KEY (owner, place, target)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX following_by_target ON following (owner, target);

CREATE TABLE follower (
    owner INTEGER NOT NULL,
    place INTEGER NOT NULL,
    source INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    PRIMARY KEY (owner, place, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE whisper (
    owner INTEGER NOT NULL,
    place INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (owner, place, target)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX whisper_by_target ON whisper (owner, target);

CREATE TABLE block (
    owner INTEGER NOT NULL,
    place INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (owner, place, target)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX block_by_target ON block (owner, target);

CREATE TABLE grp (
    owner INTEGER NOT NULL,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    made INTEGER NOT NULL, -- rises within an owner
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX grp_by_name ON grp (owner, name);

CREATE TABLE member (
    owner INTEGER NOT NULL,
    grp INTEGER NOT NULL,
    place INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (owner, grp, place, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_by_target ON member (owner, target);

CREATE TABLE contract (
    owner INTEGER NOT NULL,
    target INTEGER NOT NULL,
    ts INTEGER NOT NULL,
    user_attr INTEGER NOT NULL,
    PRIMARY KEY (owner, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE visit (
    owner INTEGER NOT NULL,
    target INTEGER NOT NULL,
    visits INTEGER NOT NULL,
    PRIMARY KEY (owner, target)
) STRICT, WITHOUT ROWID;
"""

# An index of accounts by name (without the deregistered, which share one), grants of QR sign-ins,
# and documents, clustered by owner like the lists.
_CONTENT = """
CREATE INDEX account_by_name ON account (name) WHERE state <> 2;

CREATE TABLE sign_in_grant (
    digest BLOB PRIMARY KEY,
    mid INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE content (
    owner INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    filters TEXT NOT NULL, -- an object of JSON
    text TEXT NOT NULL, -- without case, as search compares it
    body BLOB NOT NULL,
    PRIMARY KEY (owner, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX content_by_id ON content (kind, id);

CREATE TABLE content_key (
    owner INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (owner, kind, name, value, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX content_key_by_id ON content_key (owner, kind, id);
"""

#: Counts the members of groups anew, where every count is 0: special followings, followings in any
#: group (the special one included), and the members of each group that an owner created.
COUNT_MEMBERS = f"""
UPDATE tally SET special = counted.special, grouped = counted.grouped
FROM (
    SELECT owner, count(*) FILTER (WHERE grp = {SPECIAL}) AS special,
        count(DISTINCT target) AS grouped
    FROM member GROUP BY owner
) AS counted
WHERE tally.mid = counted.owner;
UPDATE grp SET members = counted.members
FROM (SELECT owner, grp, count(*) AS members FROM member GROUP BY owner, grp) AS counted
WHERE grp.owner = counted.owner AND grp.id = counted.grp;
"""

# Versions of the lists as others see them, which start at those that others have seen, and of
# the lists that the owner alone sees. Counts of the members of groups. Indexes to delete grants by,
# and of the most visited.
_VERSIONS = f"""
ALTER TABLE tally ADD COLUMN public_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tally ADD COLUMN public_follower_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tally ADD COLUMN private_version INTEGER NOT NULL DEFAULT 0;
UPDATE tally SET public_version = version, public_follower_version = follower_version,
    private_version = version;
ALTER TABLE tally ADD COLUMN special INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tally ADD COLUMN grouped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grp ADD COLUMN members INTEGER NOT NULL DEFAULT 0;
{COUNT_MEMBERS}
CREATE INDEX sign_in_grant_by_mid ON sign_in_grant (mid);
CREATE INDEX sign_in_grant_by_expires ON sign_in_grant (expires);
CREATE INDEX visit_by_visits ON visit (owner, visits);
"""

# Stored tails were whole. In a name each quotation mark follows a backslash, so that the default
# part is not found within one.
_SHORTEN_TAILS = f"""
UPDATE tail SET tail = substr(tail, {len(BEFORE_NAME) + 1},
    length(tail) - {len(BEFORE_NAME) + len(AFTER_NAME)})
WHERE substr(tail, 1, {len(BEFORE_NAME)}) = x'{BEFORE_NAME.hex()}'
AND substr(tail, {-len(AFTER_NAME)}) = x'{AFTER_NAME.hex()}';
"""

# Requests to follow: clustered by who sent them, with an index for the list of who receives them.
_REQUESTS = """
ALTER TABLE account ADD COLUMN approve_followers INTEGER NOT NULL DEFAULT 0;
CREATE TABLE request (
    owner INTEGER NOT NULL,
    place INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (owner, place, target)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX request_by_target ON request (owner, target);
CREATE UNIQUE INDEX request_by_receiver ON request (target, place, owner);
"""

# The feed of changes. AUTOINCREMENT: no number is given twice, also after a deletion.
_FEED = """
CREATE TABLE change (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL, -- in milliseconds
    kind TEXT NOT NULL,
    actor INTEGER NOT NULL,
    target INTEGER NOT NULL, -- 0 for none
    body BLOB NOT NULL -- before and after, as JSON
) STRICT;
"""

# Erasures that are under way or done, and indexes of what other accounts have towards one.
_ERASURES = """
CREATE TABLE erasure (
    mid INTEGER PRIMARY KEY,
    begun INTEGER NOT NULL, -- in seconds, as the end
    stage TEXT NOT NULL,
    position TEXT NOT NULL, -- where the stage continues: a list of JSON
    counts TEXT NOT NULL, -- how much was deleted, by what it was: an object of JSON
    finished INTEGER NOT NULL DEFAULT 0 -- 0 while it is under way
) STRICT;
CREATE INDEX erasure_under_way ON erasure (mid) WHERE finished = 0;
CREATE INDEX block_of_target ON block (target, owner);
CREATE INDEX whisper_of_target ON whisper (target, owner);
"""

# Lists of accounts and of sessions; bans with a reason and an end.
_ACCOUNT_LISTS = """
ALTER TABLE session ADD COLUMN used INTEGER NOT NULL DEFAULT 0; -- when it was last used, about
ALTER TABLE account ADD COLUMN created INTEGER NOT NULL DEFAULT 0; -- in seconds, 0 if unknown
ALTER TABLE account ADD COLUMN ban_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN ban_until INTEGER NOT NULL DEFAULT 0; -- 0 for a ban without an end
CREATE INDEX account_by_folded ON account (state, folded);
CREATE INDEX account_by_created ON account (state, created);
"""

# Administration tokens, and the audit log of what was done with them.
_AUDIT = """
CREATE TABLE admin_token (
    digest BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL, -- separated by commas
    created INTEGER NOT NULL,
    expires INTEGER -- null for no end
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    number INTEGER PRIMARY KEY, -- milliseconds, then random bits
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    mid INTEGER NOT NULL, -- 0 for none, as target
    target INTEGER NOT NULL,
    detail TEXT NOT NULL,
    status INTEGER, -- null: no outcome is known
    request_id TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_mid ON audit (mid, number);
CREATE INDEX audit_by_who ON audit (who, number);
"""

_OPERATED = _ERASURES + _ACCOUNT_LISTS + _AUDIT

SCHEMA = _RELATIONS + _CONTENT + _VERSIONS + _REQUESTS + _FEED + _OPERATED

#: The SQL that migrates a store from each version to the next.
MIGRATIONS: Mapping[int, str] = {
    1: _CONTENT,
    2: _VERSIONS + _SHORTEN_TAILS + _REQUESTS + _FEED,
    3: _OPERATED,
}
