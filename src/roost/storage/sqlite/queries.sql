-- Every statement of the store. A name line starts each; a line that begins with "(?" is a row, which the loader can
-- repeat, so that one statement writes many. Queries that may give many rows give one instead: a JSON list of the small
-- columns and the large ones joined to one blob, because every row fetched costs Python a turn at the interpreter lock.

-- name: begin
BEGIN IMMEDIATE;

-- name: begin-read
BEGIN;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- === writing ===

-- name: last-pos
SELECT max((SELECT coalesce(max(pos), 0) FROM events), (SELECT value FROM marks WHERE name = 'pos'));

-- name: mark-pos
UPDATE marks SET value = ? WHERE name = 'pos';

-- name: fence
SELECT
    s.key, h.head, s.first, s.epoch, h.produced, s.state_seq, s.hidden, s.phase, s.agent, s.owner, s.org, s.visibility,
    s.folder, s.slept_at, s.fade
FROM sessions AS s JOIN heads AS h ON h.session = s.key
WHERE s.id = ?;

-- name: insert-session
INSERT INTO sessions (
    id, created_at, updated_at, hidden, phase, agent, owner, org, visibility, folder, slept_at, fade, epoch, state_seq,
    env, record
)
VALUES
(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert-events
INSERT INTO events (pos, session, seq, at, run, by, type, fact, body)
VALUES
(?, ?, ?, ?, nullif(?, ''), nullif(?, ''), ?, ?, ?);

-- name: insert-deltas
-- Events that are no facts, and that nobody in particular has caused.
INSERT INTO events (pos, session, seq, at, run, type, fact, body)
VALUES
(?, ?, ?, ?, nullif(?, ''), ?, 0, ?);

-- name: insert-deletion
INSERT INTO events (pos, at, by, type, fact, body) VALUES (?, ?, nullif(?, ''), 'session-deleted', 1, ?);

-- name: insert-deed
-- For the audit alone: no fact of the feed.
INSERT INTO events (pos, at, by, type, fact, body) VALUES (?, ?, ?, ?, 0, ?);

-- name: put-words
INSERT INTO words (text, session, hidden, phase, agent, owner, org, visibility, folder, slept_at, fade)
SELECT ?, key, hidden, phase, agent, owner, org, visibility, folder, slept_at, fade FROM sessions WHERE key = ?
ON CONFLICT (session) DO UPDATE SET text = excluded.text WHERE text <> excluded.text;

-- name: forget-tags
DELETE FROM tags WHERE session = ?;

-- name: put-tag
INSERT INTO tags (tag, created_at, id, session) SELECT ?, created_at, id, key FROM sessions WHERE key = ?
ON CONFLICT DO NOTHING;

-- name: put-heads
INSERT INTO heads (session, head, produced)
VALUES
(?, ?, ?)
ON CONFLICT (session) DO UPDATE SET head = excluded.head, produced = excluded.produced;

-- name: update-records
-- What lists filter by is unchanged, so one list index stays as it is.
WITH fresh (key, updated_at, epoch, state_seq, record) AS (
VALUES
(?, ?, ?, ?, ?)
)
UPDATE sessions
SET updated_at = fresh.updated_at, epoch = fresh.epoch, state_seq = fresh.state_seq, record = fresh.record
FROM fresh WHERE sessions.key = fresh.key;

-- name: update-session
UPDATE sessions
SET updated_at = ?, epoch = ?, state_seq = ?, record = ?, hidden = ?, phase = ?, agent = ?, owner = ?, org = ?,
    visibility = ?, folder = ?, slept_at = ?, fade = ?
WHERE key = ?;

-- name: set-env
UPDATE sessions SET env = ? WHERE key = ?;

-- name: set-token
UPDATE sessions SET token_hash = ? WHERE key = ?;

-- name: set-first
UPDATE sessions SET first = ? WHERE key = ?;

-- name: put-messages
INSERT INTO messages (session, id, first, data)
VALUES
(?, ?, ?, ?)
ON CONFLICT (session, id) DO UPDATE SET first = excluded.first, data = excluded.data;

-- name: held-claim
SELECT at, body_hash FROM claims WHERE principal = ? AND key = ?;

-- name: forget-claims
DELETE FROM claims WHERE at <= ?;

-- name: put-claim
INSERT OR REPLACE INTO claims (principal, key, at, body_hash, outcome) VALUES (?, ?, ?, ?, ?);

-- name: put-checkpoint
INSERT OR REPLACE INTO checkpoints (session, seq, data) VALUES (?, ?, ?);

-- name: put-key
INSERT OR REPLACE INTO api_keys (id, hash, principal, created_at, revoked_at, scope, label, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: item-admitted
-- Which revision of it there is, whether another one has its name, and how many there are like it.
SELECT
    coalesce((SELECT revision FROM items WHERE kind = :kind AND id = :id), 0),
    EXISTS (SELECT 1 FROM items WHERE kind = :kind AND name = :name AND id <> :id),
    (SELECT count(*) FROM items WHERE kind = :kind AND org = :org AND of = :of);

-- name: put-item
INSERT INTO items (kind, id, name, of, owner, user, org, visibility, created_at, updated_at, revision, data)
VALUES
(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET
    name = excluded.name, visibility = excluded.visibility, updated_at = excluded.updated_at,
    revision = excluded.revision, data = excluded.data;

-- name: drop-item
DELETE FROM items WHERE kind = ? AND id = ?;

-- name: drop-items-of
DELETE FROM items WHERE of = ?;

-- name: leave-over
INSERT OR REPLACE INTO leftovers (session, before) VALUES (?, ?);

-- name: leftover
SELECT session, before FROM leftovers LIMIT 1;

-- name: sweep-events
DELETE FROM events WHERE pos IN (SELECT pos FROM events WHERE session = ? AND seq < ? ORDER BY seq LIMIT ?);

-- name: sweep-messages
DELETE FROM messages WHERE rowid IN (
    SELECT rowid FROM messages
    WHERE session = ? AND session NOT IN (SELECT key FROM sessions)
    LIMIT ?
);

-- name: leftover-done
DELETE FROM leftovers WHERE session = ?;

-- name: delete-checkpoint
DELETE FROM checkpoints WHERE session = ?;

-- name: delete-head
DELETE FROM heads WHERE session = ?;

-- name: delete-session
DELETE FROM sessions WHERE key = ?;

-- === reading ===

-- name: find
SELECT s.key, h.head, s.first, s.phase
FROM sessions AS s JOIN heads AS h ON h.session = s.key
WHERE s.id = ?;

-- name: page-rows
-- What is small of the events after a cursor, and the size of each body: the reader sees how many fit in its page.
SELECT json_group_array(json_array(seq, at, run, json(by), length(body)))
FROM (
    SELECT seq, at, run, by, body FROM events
    WHERE session = ? AND seq > ?
    ORDER BY seq LIMIT ?
);

-- name: page-bodies
-- The bodies of that many events after the cursor.
SELECT CAST(group_concat(body, '') AS BLOB)
FROM (
    SELECT body FROM events
    WHERE session = ? AND seq > ?
    ORDER BY seq LIMIT ?
);

-- name: feed
-- Each fact with its session; `session-deleted` has none. Leftovers are out of sight.
SELECT
    json_group_array(json_array(pos, id, seq, at, run, json(by), length(body))), CAST(group_concat(body, '') AS BLOB)
FROM (
    SELECT e.pos, s.id, e.seq, e.at, e.run, e.by, e.body
    FROM events AS e INDEXED BY feed LEFT JOIN sessions AS s ON s.key = e.session
    WHERE e.fact AND e.pos > :after AND (e.session IS NULL OR e.seq >= s.first)
    ORDER BY e.pos LIMIT :limit
);

-- name: get
SELECT s.record, h.head, s.first, h.produced, s.env, s.token_hash
FROM sessions AS s JOIN heads AS h ON h.session = s.key
WHERE s.id = ?;

-- name: list
-- Filters and sorts on an index alone where it can, then fetches the rows that are shown.
SELECT
    json_group_array(json_array(head, first, produced, json(env), hex(token_hash), length(record))),
    CAST(group_concat(record, '') AS BLOB)
FROM (
    SELECT h.head, s.first, h.produced, s.env, s.token_hash, s.record
    FROM (
        SELECT sessions.key, {rank}.{order}_at AS at, {rank}.id AS id FROM {source}
        {where}
        ORDER BY {rank}.{order}_at DESC, {rank}.id LIMIT :limit OFFSET :offset
    ) AS shown
    JOIN sessions AS s ON s.key = shown.key
    JOIN heads AS h ON h.session = s.key
    ORDER BY shown.at DESC, shown.id LIMIT :limit
);

-- name: total
SELECT '', count(*) FROM {source}
{where};

-- name: count
SELECT {phase}, count(*) FROM {source}
{where}
GROUP BY 1;

-- name: tally
SELECT phase, sum(n) FROM tallies
{where}
GROUP BY 1;

-- name: from-created
-- This and the following are where a list or a count looks: at all sessions in the order of the list, at those with a
-- tag, at those of a folder, at a few that are found already, or at no more of each than what is searched of it.
sessions INDEXED BY by_created;

-- name: from-updated
sessions INDEXED BY by_updated;

-- name: from-tag
tags CROSS JOIN sessions ON sessions.key = tags.session AND tags.tag = :tag;

-- name: from-folder
sessions INDEXED BY by_folder;

-- name: from-few
(SELECT value AS inside FROM json_each(:few)) CROSS JOIN sessions ON sessions.key = inside;

-- name: from-live
(SELECT value AS named FROM json_each(:of_live)) CROSS JOIN sessions ON sessions.id = named;

-- name: from-words
words;

-- name: fading
-- Whether some sleep that may sleep out by their own time; whether some by the hub's.
SELECT coalesce(max(fades = 1), 0), coalesce(max(fades = 2), 0) FROM tallies WHERE facet = 'all';

-- name: phase
phase;

-- name: phase-shown
CASE
    WHEN phase = 'paused' AND iif(fade < 0, :fade_ms, fade) > 0 AND slept_at + iif(fade < 0, :fade_ms, fade) <= :at
        THEN 'archived'
    ELSE phase
END;

-- name: where-phases
-- This and the following are what a list filters by. Only those that are wanted go into a statement.
phase IN (SELECT value FROM json_each(:phases));

-- name: where-live
-- What is live is named; what is not, is not asked for here.
(phase NOT IN ('creating', 'active', 'resuming') OR sessions.id IN (SELECT value FROM json_each(:of_live)));

-- name: where-shown
{phase} IN (SELECT value FROM json_each(:shown));

-- name: where-agent
agent = :agent;

-- name: where-owner
owner = :owner;

-- name: where-visibility
visibility = :visibility;

-- name: where-visible
org = :viewer_org AND (owner = :viewer OR visibility <> 'private');

-- name: where-hidden
hidden = :hidden;

-- name: where-folder
-- One span of the index, with all of the folder and few beside it.
folder >= :folder AND folder < :folder || '0' AND (folder = :folder OR folder >= :folder || '/');

-- name: where-created_from
sessions.created_at >= :created_from;

-- name: where-created_before
sessions.created_at < :created_before;

-- name: where-updated_from
sessions.key IN (SELECT key FROM sessions INDEXED BY by_updated WHERE updated_at >= :updated_from);

-- name: where-updated_before
sessions.key IN (SELECT key FROM sessions INDEXED BY by_updated WHERE updated_at < :updated_before);

-- name: where-tags
(SELECT count(*) FROM tags WHERE session = sessions.key AND tag IN (SELECT value FROM json_each(:tags))) = :tag_count;

-- name: where-search
instr((SELECT text FROM words WHERE session = sessions.key), :term);

-- name: where-spelled
-- The same in `words` itself.
instr(text, :term);

-- name: where-unseen
session > :seen;

-- name: where-of-all
-- This and the following are whose tallies are wanted.
facet = 'all';

-- name: where-of-tag
facet = 'tag' AND value = :tag;

-- name: where-of-folder
facet = 'folder' AND value >= :folder AND value < :folder || '0' AND (value = :folder OR value >= :folder || '/');

-- name: tagged
-- How many sessions have each of these tags.
SELECT value, sum(n) FROM tallies WHERE facet = 'tag' AND value IN (SELECT value FROM json_each(:tags)) GROUP BY 1;

-- name: rarity
-- How many sessions these three characters are in, or one more than `rare`.
SELECT count(*) FROM (SELECT 1 FROM trigrams WHERE trigrams MATCH :match LIMIT :rare + 1);

-- name: found
-- Those that a term is in which has these three rare characters.
SELECT json_group_array(session) FROM (
    SELECT session FROM trigrams CROSS JOIN words ON words.session = trigrams.rowid
    WHERE trigrams MATCH :match AND instr(words.text, :term)
);

-- name: spelled
-- The first ones, by their key, that any term is in and that pass the filters.
SELECT json_group_array(session), count(*), max(session) FROM (
    SELECT session FROM words
    {where}
    ORDER BY session LIMIT :most
);

-- name: message
SELECT first, data FROM messages WHERE session = ? AND id = ?;

-- name: runs
-- Each run's start and, if it has one, its end: the next event of the same index.
SELECT
    json_group_array(json_array(
        a.seq, a.at, a.run, json(a.by), length(a.body), z.seq, z.at, json(z.by), length(z.body)
    )),
    CAST(group_concat(a.body || coalesce(z.body, ''), '') AS BLOB)
FROM (
    SELECT seq, at, run, by, body, (
        SELECT min(later.seq) FROM events AS later INDEXED BY runs
        WHERE later.session = :session AND later.seq > e.seq
            AND later.fact AND later.type IN ('run-start', 'run-complete', 'run-aborted', 'run-error')
    ) AS last
    FROM events AS e INDEXED BY runs
    WHERE session = :session AND seq >= :first AND seq < :before
        AND fact AND type IN ('run-start', 'run-complete', 'run-aborted', 'run-error') AND type = 'run-start'
    ORDER BY seq DESC LIMIT :limit
) AS a
LEFT JOIN events AS z INDEXED BY log
    ON z.session = :session AND z.seq = a.last AND z.run = a.run;

-- name: run-start
SELECT seq FROM events INDEXED BY run_starts WHERE session = ? AND run = ? AND fact AND type = 'run-start';

-- name: audit
SELECT json_group_array(json_array(pos, id, seq, at, run, json(by), type, iif(seq IS NULL, CAST(body AS TEXT), NULL)))
FROM (
    SELECT e.pos, s.id, e.seq, e.at, e.run, e.by, e.type, e.body
    FROM events AS e INDEXED BY audit LEFT JOIN sessions AS s ON s.key = e.session
    WHERE e.by IS NOT NULL AND instr(e.by, '"kind":"service"') = 0 AND e.pos > :after
        AND (e.session IS NULL OR e.seq >= s.first)
    ORDER BY e.pos LIMIT :limit
);

-- name: messages
SELECT json_group_array(json_array(id, first, length(data))), CAST(group_concat(data, '') AS BLOB)
FROM (
    SELECT id, first, data FROM messages
    WHERE session = :session AND (:before IS NULL OR first < :before)
    ORDER BY first DESC, id DESC LIMIT :limit
);

-- name: checkpoint
SELECT seq, data FROM checkpoints WHERE session = ?;

-- name: claim
SELECT at, body_hash, outcome FROM claims WHERE principal = ? AND key = ?;

-- name: keys
SELECT id, hash, principal, created_at, revoked_at, scope, label, expires_at FROM api_keys ORDER BY created_at, id;

-- name: item
SELECT kind, id, name, of, owner, visibility, created_at, updated_at, revision, data
FROM items WHERE kind = ? AND id = ?;

-- name: items
-- Those that somebody may see: as model/access.py says of sessions.
SELECT kind, id, name, of, owner, visibility, created_at, updated_at, revision, data
FROM items
WHERE kind = :kind AND (:of IS NULL OR of = :of)
    AND (:all OR (org = :org AND (user = :user OR visibility <> 'private')))
ORDER BY created_at, id;
