-- From version 4 to version 5: a delta is told from the facts by one column, before any index looks at its type.

DROP INDEX runs;
CREATE INDEX runs ON events (session, seq, run)
    WHERE fact AND type IN ('run-start', 'run-complete', 'run-aborted', 'run-error');
DROP INDEX run_starts;
CREATE INDEX run_starts ON events (session, run) WHERE fact AND type = 'run-start';
