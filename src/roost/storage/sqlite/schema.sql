-- From version 0 (an empty file) to version 1.

-- What a list filters and sorts by is in columns of its own, and in both list indexes, so that a list never reads the
-- records it does not show. `key` is the session's short name in the other tables and is never given out twice.
CREATE TABLE sessions (
    key        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    hidden     INTEGER NOT NULL,
    phase      TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    epoch      INTEGER NOT NULL,
    state_seq  INTEGER NOT NULL,
    first      INTEGER NOT NULL DEFAULT 1,
    token_hash BLOB,
    env        TEXT    NOT NULL,
    record     BLOB    NOT NULL
);
CREATE INDEX by_created ON sessions (created_at DESC, id, hidden, phase, agent, owner);
CREATE INDEX by_updated ON sessions (updated_at DESC, id, hidden, phase, agent, owner);

-- What moves with every append, apart from the wide session row: many of these share one page.
CREATE TABLE heads (
    session  INTEGER PRIMARY KEY,
    head     INTEGER NOT NULL,
    produced INTEGER NOT NULL
);

-- The log of all sessions in the order of their commits. `body` holds the original bytes. `fact` is 0 for deltas.
-- `session-deleted` has neither session nor seq. The writer gives out `pos`; see `marks` for why none comes twice.
CREATE TABLE events (
    pos     INTEGER PRIMARY KEY,
    session INTEGER,
    seq     INTEGER,
    at      INTEGER NOT NULL,
    run     TEXT,
    by      TEXT,
    type    TEXT    NOT NULL,
    fact    INTEGER NOT NULL,
    body    BLOB    NOT NULL
);
CREATE UNIQUE INDEX log ON events (session, seq);
CREATE INDEX feed ON events (pos) WHERE fact;

-- Events that nobody can see any more and that are still to be removed: those with seq < `before`. Messages of a session
-- that is in no other table are removed with them.
CREATE TABLE leftovers (
    session INTEGER PRIMARY KEY,
    before  INTEGER NOT NULL
);

-- The highest `pos` ever given out, written when rows are to be removed.
CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO marks (name, value) VALUES ('pos', 0);

CREATE TABLE messages (
    session INTEGER NOT NULL,
    id      TEXT    NOT NULL,
    first   INTEGER NOT NULL,
    data    BLOB    NOT NULL,
    UNIQUE (session, id)
);
CREATE INDEX conversation ON messages (session, first, id);

CREATE TABLE checkpoints (
    session INTEGER PRIMARY KEY,
    seq     INTEGER NOT NULL,
    data    BLOB    NOT NULL
);

CREATE TABLE claims (
    principal TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    body_hash BLOB    NOT NULL,
    outcome   BLOB    NOT NULL,
    PRIMARY KEY (principal, key)
) WITHOUT ROWID;
CREATE INDEX claims_by_age ON claims (at);

CREATE TABLE api_keys (
    id         TEXT    PRIMARY KEY,
    hash       BLOB    NOT NULL,
    principal  TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) WITHOUT ROWID;
