-- From version 2 to version 3: lists by tag and by folder, and searches, that look at few sessions or a little of each.

DROP TRIGGER tally_new;
DROP TRIGGER tally_gone;
DROP TRIGGER tally_changed;
DROP TRIGGER words_new;
DROP TRIGGER words_gone;
DROP TRIGGER words_changed;
DROP TRIGGER found_no_more;

-- A folder's sessions, newest first, with what a list filters by.
DROP INDEX by_folder;
CREATE INDEX by_folder ON sessions (
    folder, created_at DESC, id, hidden, phase, agent, owner, org, visibility, slept_at, fade
);

-- A tag's sessions, newest first.
ALTER TABLE tags RENAME TO tags_2;
DROP INDEX tags_of;
CREATE TABLE tags (
    tag        TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    id         TEXT    NOT NULL,
    session    INTEGER NOT NULL,
    PRIMARY KEY (tag, created_at DESC, id)
) WITHOUT ROWID;
CREATE INDEX tags_of ON tags (session, tag);
INSERT INTO tags SELECT t.tag, s.created_at, s.id, s.key FROM tags_2 AS t JOIN sessions AS s ON s.key = t.session;
DROP TABLE tags_2;

-- How many sessions there are of each kind among all ('all', ''), with a tag ('tag', which) and in a folder ('folder',
-- which), so that no list counts them. `fades`: 0 unless it sleeps and may sleep out; 1 after its own time, 2 after the
-- hub's. One that falls to 0 goes.
DROP TABLE tallies;
CREATE TABLE tallies (
    facet      TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    hidden     INTEGER NOT NULL,
    phase      TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    org        TEXT    NOT NULL,
    visibility TEXT    NOT NULL,
    fades      INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    PRIMARY KEY (facet, value, hidden, phase, agent, owner, org, visibility, fades)
) WITHOUT ROWID;
CREATE INDEX tallied_out ON tallies (n) WHERE n = 0;

INSERT INTO tallies
SELECT
    f.facet, f.value, s.hidden, s.phase, s.agent, s.owner, s.org, s.visibility,
    (s.phase = 'paused') * ((s.fade > 0) + (s.fade < 0) * 2), count(*)
FROM sessions AS s
JOIN (
    SELECT key, 'all' AS facet, '' AS value FROM sessions
    UNION ALL SELECT key, 'folder', folder FROM sessions
    UNION ALL SELECT session, 'tag', tag FROM tags
) AS f ON f.key = s.key
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9;
CREATE TRIGGER tag_new AFTER INSERT ON tags BEGIN
    INSERT INTO tallies
    SELECT
        'tag', new.tag, hidden, phase, agent, owner, org, visibility,
        (phase = 'paused') * ((fade > 0) + (fade < 0) * 2), 1
    FROM sessions WHERE key = new.session
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER tag_gone AFTER DELETE ON tags BEGIN
    INSERT INTO tallies
    SELECT
        'tag', old.tag, hidden, phase, agent, owner, org, visibility,
        (phase = 'paused') * ((fade > 0) + (fade < 0) * 2), -1
    FROM sessions WHERE key = old.session
    ON CONFLICT DO UPDATE SET n = n - 1;
    DELETE FROM tallies WHERE n = 0;
END;

-- What is searched of each session, as before, beside what lists filter by: a search that must look at every session
-- looks at this alone.
ALTER TABLE words RENAME TO words_2;
CREATE TABLE words (
    session    INTEGER PRIMARY KEY,
    hidden     INTEGER NOT NULL,
    phase      TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    org        TEXT    NOT NULL,
    visibility TEXT    NOT NULL,
    folder     TEXT    NOT NULL,
    slept_at   INTEGER NOT NULL,
    fade       INTEGER NOT NULL,
    text       TEXT    NOT NULL
);
INSERT INTO words
SELECT
    s.key, s.hidden, s.phase, s.agent, s.owner, s.org, s.visibility, s.folder, s.slept_at, s.fade, w.text
FROM words_2 AS w JOIN sessions AS s ON s.key = w.session;
DROP TABLE words_2;
CREATE TRIGGER words_new AFTER INSERT ON words BEGIN
    INSERT INTO trigrams (rowid, text) VALUES (new.session, new.text);
END;
CREATE TRIGGER words_gone AFTER DELETE ON words BEGIN
    INSERT INTO trigrams (trigrams, rowid, text) VALUES ('delete', old.session, old.text);
END;
CREATE TRIGGER words_changed AFTER UPDATE OF text ON words BEGIN
    INSERT INTO trigrams (trigrams, rowid, text) VALUES ('delete', old.session, old.text);
    INSERT INTO trigrams (rowid, text) VALUES (new.session, new.text);
END;

-- Tags and words come after their session, and go before it.
CREATE TRIGGER session_new AFTER INSERT ON sessions BEGIN
    INSERT INTO tallies
    SELECT
        f.facet, f.value, new.hidden, new.phase, new.agent, new.owner, new.org, new.visibility,
        (new.phase = 'paused') * ((new.fade > 0) + (new.fade < 0) * 2), 1
    FROM (SELECT 'all' AS facet, '' AS value UNION ALL SELECT 'folder', new.folder) AS f WHERE true
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER session_goes BEFORE DELETE ON sessions BEGIN
    DELETE FROM words WHERE session = old.key;
    DELETE FROM tags WHERE session = old.key;
    INSERT INTO tallies
    SELECT
        f.facet, f.value, old.hidden, old.phase, old.agent, old.owner, old.org, old.visibility,
        (old.phase = 'paused') * ((old.fade > 0) + (old.fade < 0) * 2), -1
    FROM (SELECT 'all' AS facet, '' AS value UNION ALL SELECT 'folder', old.folder) AS f WHERE true
    ON CONFLICT DO UPDATE SET n = n - 1;
    DELETE FROM tallies WHERE n = 0;
END;
CREATE TRIGGER session_changed AFTER UPDATE OF hidden, phase, agent, owner, org, visibility, folder, slept_at, fade
ON sessions BEGIN
    INSERT INTO tallies
    SELECT
        f.facet, f.value, old.hidden, old.phase, old.agent, old.owner, old.org, old.visibility,
        (old.phase = 'paused') * ((old.fade > 0) + (old.fade < 0) * 2), -1
    FROM (
        SELECT 'all' AS facet, '' AS value
        UNION ALL SELECT 'folder', old.folder
        UNION ALL SELECT 'tag', tag FROM tags WHERE session = old.key
    ) AS f WHERE true
    ON CONFLICT DO UPDATE SET n = n - 1;
    INSERT INTO tallies
    SELECT
        f.facet, f.value, new.hidden, new.phase, new.agent, new.owner, new.org, new.visibility,
        (new.phase = 'paused') * ((new.fade > 0) + (new.fade < 0) * 2), 1
    FROM (
        SELECT 'all' AS facet, '' AS value
        UNION ALL SELECT 'folder', new.folder
        UNION ALL SELECT 'tag', tag FROM tags WHERE session = new.key
    ) AS f WHERE true
    ON CONFLICT DO UPDATE SET n = n + 1;
    DELETE FROM tallies WHERE n = 0;
    UPDATE words
    SET hidden = new.hidden, phase = new.phase, agent = new.agent, owner = new.owner, org = new.org,
        visibility = new.visibility, folder = new.folder, slept_at = new.slept_at, fade = new.fade
    WHERE session = new.key;
END;
