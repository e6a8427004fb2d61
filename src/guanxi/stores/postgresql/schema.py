"""The tables, laid out so that one schema is valid on plain PostgreSQL and on Citus.

Rows of an account's lists are distributed by that account and stand together; the column that
distributes comes first in every key. What is not found by account (names, sessions, grants, ids of
documents that are one row of numbers) has tables of its own, distributed by what finds it. There is
no foreign key, no trigger, no sequence.

Both ends of a pair are a row each: all that ``owner`` holds towards ``other``, and what of the
other's shows in the owner's lists. Whoever changes a pair writes the row of the lower mid first, so
that two changes to one pair meet there, whatever they do.
"""

from __future__ import annotations

VERSION = 1

#: An account's followers are counted in so many rows, or a hub's followers would queue on one.
SLOTS = 16

SCHEMA = """
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
    folded text COLLATE "C" NOT NULL, -- the name without case, as search compares it
    name text COLLATE "C" NOT NULL,
    face text NOT NULL,
    face_nft bigint NOT NULL,
    sign text NOT NULL,
    official_type bigint NOT NULL,
    official_desc text NOT NULL,
    vip_type bigint NOT NULL,
    vip_due_ms bigint NOT NULL,
    vip_status bigint NOT NULL,
    live bigint NOT NULL,
    live_url text NOT NULL,
    nft_icon text NOT NULL,
    tail_version integer NOT NULL, -- derived from the card: what a page splices
    tail bytea NOT NULL
);

CREATE TABLE account_name (
    name text COLLATE "C" NOT NULL,
    mid bigint NOT NULL,
    PRIMARY KEY (name, mid)
);

CREATE TABLE tally (
    mid bigint PRIMARY KEY,
    following integer NOT NULL DEFAULT 0,
    whisper integer NOT NULL DEFAULT 0,
    black integer NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    newest bigint NOT NULL DEFAULT 0 -- the newest place in the account's own lists
) WITH (fillfactor = 80);

CREATE TABLE follower_tally (
    mid bigint NOT NULL,
    slot smallint NOT NULL,
    follower bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (mid, slot)
) WITH (fillfactor = 80);

CREATE TABLE session (
    digest bytea PRIMARY KEY,
    mid bigint NOT NULL,
    kind text NOT NULL,
    created bigint NOT NULL,
    expires bigint NOT NULL
);
CREATE INDEX session_by_mid ON session (mid);

CREATE TABLE sign_in_grant (
    digest bytea PRIMARY KEY,
    mid bigint NOT NULL,
    expires bigint NOT NULL
);
CREATE INDEX sign_in_grant_by_mid ON sign_in_grant (mid);

CREATE TABLE relation (
    owner bigint NOT NULL,
    other bigint NOT NULL,
    -- Places in the owner's lists, null where the other is not in them.
    follows bigint,
    whispers bigint,
    blocks bigint,
    followed bigint,
    groups bigint[], -- of a following, rising, special included; null for none
    -- Since when the owner is a contractor of the other, and the other one of the owner.
    contract_ts bigint,
    contract_attr bigint,
    other_contract_ts bigint,
    other_contract_attr bigint,
    visits bigint,
    PRIMARY KEY (owner, other)
) WITH (fillfactor = 90);
CREATE INDEX relation_follows ON relation (owner, follows, other) WHERE follows IS NOT NULL;
CREATE INDEX relation_followed ON relation (owner, followed, other) WHERE followed IS NOT NULL;
CREATE INDEX relation_whispers ON relation (owner, whispers, other) WHERE whispers IS NOT NULL;
CREATE INDEX relation_blocks ON relation (owner, blocks, other) WHERE blocks IS NOT NULL;
CREATE INDEX relation_grouped ON relation (owner, follows, other) WHERE groups IS NOT NULL;

CREATE TABLE grp (
    owner bigint NOT NULL,
    id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    made bigint NOT NULL, -- rises within an owner
    PRIMARY KEY (owner, id),
    UNIQUE (owner, name)
);

CREATE TABLE content (
    owner bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    id bigint NOT NULL,
    filters jsonb NOT NULL,
    text text COLLATE "C" NOT NULL, -- without case, as search compares it
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

-- Who holds a document of a kind whose ids are one row of numbers over all owners.
CREATE TABLE content_holder (
    id bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    owner bigint NOT NULL,
    PRIMARY KEY (id, kind)
);
"""

#: The column that each table is distributed by on Citus; tables with the same group of accounts
#: stand together. ``meta`` is on every node.
BY_ACCOUNT = {
    "account": "mid",
    "tally": "mid",
    "follower_tally": "mid",
    "relation": "owner",
    "grp": "owner",
    "content": "owner",
    "content_key": "owner",
}
BY_OWN_KEY = {
    "account_name": "name",
    "session": "digest",
    "sign_in_grant": "digest",
    "content_holder": "id",
}
ON_EVERY_NODE = ("meta",)
