-- The schema of version 1, as its stores were made.

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

-- Derived from the card: what a page splices. Apart, so that each table's rows lie close.
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
