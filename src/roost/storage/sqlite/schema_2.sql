-- From version 1 to version 2: finding sessions, their runs, and who did what.

ALTER TABLE sessions ADD COLUMN org TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN visibility TEXT NOT NULL DEFAULT 'private';
ALTER TABLE sessions ADD COLUMN folder TEXT NOT NULL DEFAULT '';
-- When it fell asleep, and for how many ms it may sleep before it is shown as archived (0: for ever; -1: as the hub says).
ALTER TABLE sessions ADD COLUMN slept_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN fade INTEGER NOT NULL DEFAULT -1;

UPDATE sessions SET
    org = coalesce(json_extract(CAST(record AS TEXT), '$.owner.org'), ''),
    visibility = coalesce(json_extract(CAST(record AS TEXT), '$.visibility'), 'private'),
    folder = coalesce(json_extract(CAST(record AS TEXT), '$.workspace.path'), ''),
    slept_at = coalesce(json_extract(CAST(record AS TEXT), '$.slept_at'), 0),
    fade = coalesce(CAST(json_extract(CAST(record AS TEXT), '$.timeouts.paused') * 1000 AS INTEGER), -1);

DROP INDEX by_created;
DROP INDEX by_updated;
CREATE INDEX by_created ON sessions (
    created_at DESC, id, hidden, phase, agent, owner, org, visibility, folder, slept_at, fade
);
CREATE INDEX by_updated ON sessions (
    updated_at DESC, id, hidden, phase, agent, owner, org, visibility, folder, slept_at, fade, created_at
);

CREATE INDEX by_folder ON sessions (folder);

-- How many sessions there are of each kind, so that no list counts them. `fades`: 0 unless it sleeps and may sleep out;
-- 1 after its own time, 2 after the hub's.
CREATE TABLE tallies (
    hidden     INTEGER NOT NULL,
    phase      TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    org        TEXT    NOT NULL,
    visibility TEXT    NOT NULL,
    fades      INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    PRIMARY KEY (hidden, phase, agent, owner, org, visibility, fades)
) WITHOUT ROWID;
CREATE TRIGGER tally_new AFTER INSERT ON sessions BEGIN
    INSERT INTO tallies VALUES (
        new.hidden, new.phase, new.agent, new.owner, new.org, new.visibility,
        (new.phase = 'paused') * ((new.fade > 0) + (new.fade < 0) * 2), 1
    ) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER tally_gone AFTER DELETE ON sessions BEGIN
    UPDATE tallies SET n = n - 1
    WHERE hidden = old.hidden AND phase = old.phase AND agent = old.agent AND owner = old.owner AND org = old.org
        AND visibility = old.visibility
        AND fades = (old.phase = 'paused') * ((old.fade > 0) + (old.fade < 0) * 2);
    DELETE FROM tallies WHERE n = 0;
END;
CREATE TRIGGER tally_changed AFTER UPDATE OF hidden, phase, agent, owner, org, visibility, fade ON sessions BEGIN
    UPDATE tallies SET n = n - 1
    WHERE hidden = old.hidden AND phase = old.phase AND agent = old.agent AND owner = old.owner AND org = old.org
        AND visibility = old.visibility
        AND fades = (old.phase = 'paused') * ((old.fade > 0) + (old.fade < 0) * 2);
    INSERT INTO tallies VALUES (
        new.hidden, new.phase, new.agent, new.owner, new.org, new.visibility,
        (new.phase = 'paused') * ((new.fade > 0) + (new.fade < 0) * 2), 1
    ) ON CONFLICT DO UPDATE SET n = n + 1;
    DELETE FROM tallies WHERE n = 0;
END;
INSERT INTO tallies
SELECT hidden, phase, agent, owner, org, visibility, (phase = 'paused') * ((fade > 0) + (fade < 0) * 2), count(*)
FROM sessions GROUP BY 1, 2, 3, 4, 5, 6, 7;

CREATE TABLE tags (
    tag     TEXT    NOT NULL,
    session INTEGER NOT NULL,
    PRIMARY KEY (tag, session)
) WITHOUT ROWID;
CREATE INDEX tags_of ON tags (session);
INSERT OR IGNORE INTO tags (tag, session)
SELECT json_each.value, sessions.key FROM sessions, json_each(CAST(sessions.record AS TEXT), '$.tags');

-- What is searched of each session, folded (`words_of` is Python's), and every three characters of it.
CREATE TABLE words (
    session INTEGER PRIMARY KEY,
    text    TEXT NOT NULL
);
CREATE VIRTUAL TABLE trigrams USING fts5 (
    text, content = 'words', content_rowid = 'session', tokenize = 'trigram case_sensitive 1', columnsize = 0
);
CREATE TRIGGER words_new AFTER INSERT ON words BEGIN
    INSERT INTO trigrams (rowid, text) VALUES (new.session, new.text);
END;
CREATE TRIGGER words_gone AFTER DELETE ON words BEGIN
    INSERT INTO trigrams (trigrams, rowid, text) VALUES ('delete', old.session, old.text);
END;
CREATE TRIGGER words_changed AFTER UPDATE ON words BEGIN
    INSERT INTO trigrams (trigrams, rowid, text) VALUES ('delete', old.session, old.text);
    INSERT INTO trigrams (rowid, text) VALUES (new.session, new.text);
END;
INSERT INTO words (session, text) SELECT key, words_of(record) FROM sessions;
CREATE TRIGGER found_no_more AFTER DELETE ON sessions BEGIN
    DELETE FROM words WHERE session = old.key;
    DELETE FROM tags WHERE session = old.key;
END;

-- Runs, by the events that begin and end them.
CREATE INDEX runs ON events (session, seq, run)
    WHERE type IN ('run-start', 'run-complete', 'run-aborted', 'run-error');
CREATE INDEX run_starts ON events (session, run) WHERE type = 'run-start';

-- Who did what. Events of a session, `session-deleted`, and operations on keys, which are no fact of the feed.
UPDATE events SET by = json_extract(CAST(body AS TEXT), '$.by') WHERE session IS NULL;
CREATE INDEX audit ON events (pos) WHERE by IS NOT NULL AND instr(by, '"kind":"service"') = 0;

ALTER TABLE api_keys ADD COLUMN scope TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE api_keys ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
