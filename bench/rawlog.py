"""The limit of appends: SQLite alone, `python -m bench.rawlog FILE SESSIONS BATCH WARM_SECONDS SECONDS`.

One transaction after the other, each with one batch of every session, in the settings of the hub's store (WAL,
synchronous=FULL): whole events (session, seq, time, run, body) in the order of the commits, with the one index that a
cursor needs. No fold, no record, no wire, and the bytes are there already.
"""

import json
import sqlite3
import sys
from collections.abc import Iterator
from itertools import chain
from time import monotonic, time
from typing import Any, Final

from bench.script import text_delta
from roost.model.ids import new_run_id

SCHEMA: Final = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE events (
        pos INTEGER PRIMARY KEY, session INTEGER, seq INTEGER, at INTEGER NOT NULL, run TEXT, body BLOB NOT NULL
    );
    CREATE UNIQUE INDEX log ON events (session, seq);
"""
RUN: Final = str(new_run_id())
ROWS: Final = 400
"""In one statement: more make it no faster."""


class RawLog:
    """The file, and how far each session is: all are equally far."""

    def __init__(self, path: str, sessions: int, batch: int) -> None:
        self._sessions, self._batch = sessions, batch
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(SCHEMA)
        self._body = bytearray(text_delta())
        self._seq = 0

    def commit(self) -> int:
        """One transaction; the number of events in it, durable now."""
        rows = list(self._rows())
        self._seq += self._batch
        self._connection.execute("BEGIN IMMEDIATE")
        for first in range(0, len(rows), ROWS):
            some = rows[first : first + ROWS]
            places = ",".join(["(?,?,?,?,?)"] * len(some))
            statement = f"INSERT INTO events (session, seq, at, run, body) VALUES {places}"
            self._connection.execute(statement, list(chain.from_iterable(some)))
        self._connection.execute("COMMIT")
        return len(rows)

    def _rows(self) -> Iterator[tuple[int, int, int, str, bytearray]]:
        at = int(time() * 1000)
        for session in range(self._sessions):
            for seq in range(self._seq, self._seq + self._batch):
                yield session, seq, at, RUN, self._body


def measure(log: RawLog, warm_seconds: float, seconds: float) -> dict[str, Any]:
    until = monotonic() + warm_seconds
    while monotonic() < until:
        log.commit()
    began, events, commits = monotonic(), 0, 0
    while monotonic() - began < seconds:
        events += log.commit()
        commits += 1
    return {"events": events, "commits": commits, "seconds": monotonic() - began}


def main() -> None:
    path, sessions, batch, warm, seconds = sys.argv[1:]
    found = measure(RawLog(path, int(sessions), int(batch)), float(warm), float(seconds))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
