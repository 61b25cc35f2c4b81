-- From version 3 to version 4: the library.

-- What sessions can be given. `name`: no two of a kind have the same. `of`: the id of what it belongs to and goes with.
CREATE TABLE items (
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    of         TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    user       TEXT    NOT NULL,
    org        TEXT    NOT NULL,
    visibility TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    data       BLOB    NOT NULL,
    PRIMARY KEY (kind, id),
    UNIQUE (kind, name)
);
CREATE INDEX items_by_age ON items (kind, created_at, id);
CREATE INDEX items_kept ON items (kind, org, of);
CREATE INDEX items_of ON items (of) WHERE of <> '';
