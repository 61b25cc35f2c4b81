"""Reading what an agent keeps of one session, for `facts` and `activity`. Reads only; every function blocks."""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import Final

from roost.natives.database import open_database
from roost.natives.facts import DECIDES, Fact, facts_of
from roost.natives.places import Homes, NativeSession
from roost.natives.records import Record, backwards, read_line

MOST_FACTS: Final = 1000
"""So far back a record is looked for that decides how the turn stands."""
MAX_STATUS_BYTES: Final = 64 * 1024


def read_facts(session: NativeSession) -> tuple[list[Fact], int]:
    """The newest facts, down to one that decides how the turn stands, and when the agent last wrote (ms).

    Raises: OSError, sqlite3.Error: they cannot be read. KeyError: the records of this agent are not known."""
    if session.agent == "opencode":
        records, changed_at = _rows(session)
    else:
        changed_at = session.path.stat().st_mtime_ns // 1_000_000
        records = backwards(session.path)
    found: list[Fact] = []
    for fact in islice(facts_of(session.agent, records), MOST_FACTS):
        found.append(fact)
        if fact.kind in DECIDES:
            break
    return found, changed_at


def _rows(session: NativeSession) -> tuple[Sequence[Record], int]:
    """Messages of opencode, the newest first, as `facts` wants them."""
    newest = "SELECT data, time_updated FROM message WHERE session_id = ? ORDER BY time_created DESC, id DESC LIMIT ?"
    changed = "SELECT time_updated FROM session WHERE id = ?"
    with closing(open_database(session.path)) as database:
        rows = database.execute(newest, (session.id, MOST_FACTS)).fetchall()
        row = database.execute(changed, (session.id,)).fetchone()
    if row is None:
        raise sqlite3.DatabaseError(f"no session {session.id}")
    read = ((read_line(str(data).encode()), at) for data, at in rows)
    return [record | {"time_updated": at} for record, at in read if record is not None], int(row[0])


def read_status(homes: Homes, births: Mapping[int, str]) -> tuple[Record, int] | None:
    """What an interactive Claude Code, one of these processes, keeps of itself while it runs (its `sessionId` too), and
    when it wrote that (ms). Its neighbour with a key in it is not touched. None: none of them keeps any.

    `births`: pids that live, and for each the time it was started, as the kernel counts it: what a killed one has left
    behind is not taken for that of a later process with its pid."""
    for pid, birth in sorted(births.items()):
        path = homes.claude / "sessions" / f"{pid}.json"
        try:
            with path.open("rb") as file:
                text, at = file.read(MAX_STATUS_BYTES), os.fstat(file.fileno()).st_mtime_ns // 1_000_000
        except OSError:
            continue
        record = read_line(text)
        if record is not None and str(record.get("procStart", birth)) == birth:
            return record, at
    return None
