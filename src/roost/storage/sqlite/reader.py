"""Reads, each on one of a few threads with a connection of its own: beside the writer, never behind it."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import msgspec
from anyio import CancelScope, to_thread
from msgspec import UNSET, Raw, Struct, UnsetType

from roost.model.envelope import Event
from roost.model.errors import SessionNotFound, StorageUnavailable
from roost.model.events import Principal
from roost.model.ids import MessageId, Pos, RunId, Seq, SessionId
from roost.model.lifecycle import Phase
from roost.model.record import decode_record
from roost.model.stored import (
    ApiKey,
    AuditEntry,
    FeedEntry,
    KeyClaim,
    Page,
    StoredMessage,
    StoredRun,
    StoredSession,
)
from roost.storage import rules
from roost.storage.sqlite.connect import connect_reader, storage_error
from roost.storage.sqlite.sql import SQL
from roost.storage.sqlite.turns import Turns

P = ParamSpec("P")
T = TypeVar("T")
_THREADS: Final = 4


class Readers:
    """A pool of threads that read."""

    def __init__(self, path: Path, turns: Turns) -> None:
        self._path = path
        self._turns = turns
        self._mine = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="roost-read")
        self._closed = False

    async def call(self, read: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `read` in one snapshot of the store."""
        if self._closed:
            raise StorageUnavailable("The store is closed.")
        loop = asyncio.get_running_loop()
        with self._turns:
            return await loop.run_in_executor(self._threads, lambda: self._read(lambda c: read(c, *args, **kwargs)))

    async def close(self) -> None:
        self._closed = True
        with CancelScope(shield=True):
            await to_thread.run_sync(self._threads.shutdown)
        for connection in self._all:
            connection.close()
        self._all.clear()

    def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with _snapshot(self._connection()) as connection:
                return read(connection)
        except sqlite3.Error as error:
            raise storage_error(error) from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            self._mine.connection = connection = connect_reader(self._path)
            self._all.append(connection)
        return connection


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Generator[sqlite3.Connection, None, None]:
    connection.execute(SQL["begin-read"])
    try:
        yield connection
    finally:
        connection.execute(SQL["commit"])


# --- rows, as the queries give them -----------------------------------------------------------------------------------


class _EventRow(Struct, array_like=True):
    seq: Seq
    at: int
    run: RunId | None
    by: Principal | None
    size: int


class _FactRow(Struct, array_like=True):
    pos: Pos
    session: SessionId | None
    seq: Seq | None
    at: int
    run: RunId | None
    by: Principal | None
    size: int


class _RunRow(Struct, array_like=True):
    seq: Seq
    at: int
    run: RunId
    by: Principal | None
    size: int
    end_seq: Seq | None
    end_at: int | None
    end_by: Principal | None
    end_size: int | None


class _AuditRow(Struct, array_like=True):
    pos: Pos
    session: SessionId | None
    seq: Seq | None
    at: int
    run: RunId | None
    by: Principal
    type: str
    body: str | None


class _MessageRow(Struct, array_like=True):
    id: MessageId
    first: Seq
    size: int


_event_rows = msgspec.json.Decoder(list[_EventRow])
_fact_rows = msgspec.json.Decoder(list[_FactRow])
_run_rows = msgspec.json.Decoder(list[_RunRow])
_audit_rows = msgspec.json.Decoder(list[_AuditRow])
_message_rows = msgspec.json.Decoder(list[_MessageRow])
_principal = msgspec.json.Decoder(Principal)
_env = msgspec.json.Decoder(dict[str, str])


def _parts(sizes: Sequence[_EventRow | _FactRow | _MessageRow], joined: bytes) -> Iterator[bytes]:
    start = 0
    for row in sizes:
        yield joined[start : start + row.size]
        start += row.size


def _fitting(rows: list[_EventRow], max_bytes: int) -> list[_EventRow]:
    """The first row, and those after it whose bodies fit with it in so many bytes."""
    size = 0
    for number, row in enumerate(rows):
        size += row.size
        if number and size > max_bytes:
            return rows[:number]
    return rows


def _event(row: _EventRow | _FactRow, raw: bytes) -> Event:
    return Event(
        seq=row.seq or 0,
        at=row.at,
        raw=Raw(raw),
        run=UNSET if row.run is None else row.run,
        by=UNSET if row.by is None else row.by,
    )


def _find(connection: sqlite3.Connection, session: SessionId) -> tuple[int, Seq, Seq, str]:
    """Key, head, first seq held, phase."""
    row = connection.execute(SQL["find"], (session,)).fetchone()
    if row is None:
        raise SessionNotFound(f"There is no session {session}.")
    return row


# --- what the Store promises, each in one snapshot --------------------------------------------------------------------


def read_page(connection: sqlite3.Connection, session: SessionId, *, after: Seq, limit: int, max_bytes: int) -> Page:
    key, head, first, phase = _find(connection, session)
    rules.check_cursor(after, head=head, first=first)
    events: list[Event] = []
    if after < head and limit > 0:
        (sizes,) = connection.execute(SQL["page-rows"], (key, after, limit)).fetchone()
        rows = _fitting(_event_rows.decode(sizes), max_bytes)
        (joined,) = connection.execute(SQL["page-bodies"], (key, after, len(rows))).fetchone()
        events = [_event(row, raw) for row, raw in zip(rows, _parts(rows, joined), strict=True)]
    last = events[-1].seq if events else after
    return Page(events=events, head=head, ended=phase == Phase.ENDED and last == head)


def read_session(connection: sqlite3.Connection, session: SessionId) -> StoredSession:
    row = connection.execute(SQL["get"], (session,)).fetchone()
    if row is None:
        raise SessionNotFound(f"There is no session {session}.")
    record, head, first, produced, env, token_hash = row
    return StoredSession(
        record=decode_record(record),
        head=head,
        first=first,
        produced=produced,
        env=_env.decode(env),
        token_hash=token_hash,
    )


def read_messages(
    connection: sqlite3.Connection, session: SessionId, *, before: Seq | None, limit: int
) -> list[StoredMessage]:
    key, *_ = _find(connection, session)
    span = {"session": key, "before": before, "limit": max(limit, 0)}
    sizes, joined = connection.execute(SQL["messages"], span).fetchone()
    rows = _message_rows.decode(sizes)
    parts = _parts(rows, joined or b"")
    return [StoredMessage(id=row.id, first=row.first, data=raw) for row, raw in zip(rows, parts, strict=True)][::-1]


def read_message(connection: sqlite3.Connection, session: SessionId, message: MessageId) -> StoredMessage | None:
    key, *_ = _find(connection, session)
    row = connection.execute(SQL["message"], (key, message)).fetchone()
    return None if row is None else StoredMessage(id=message, first=row[0], data=row[1])


def read_runs(connection: sqlite3.Connection, session: SessionId, *, before: Seq | None, limit: int) -> list[StoredRun]:
    key, head, first, _ = _find(connection, session)
    span = {"session": key, "first": first, "before": head + 1 if before is None else before, "limit": max(limit, 0)}
    sizes, joined = connection.execute(SQL["runs"], span).fetchone()
    found: list[StoredRun] = []
    at = 0
    for row in _run_rows.decode(sizes):
        raw = joined[at : at + row.size]
        at += row.size
        start = _event(_EventRow(row.seq, row.at, row.run, row.by, row.size), raw)
        end = None
        if row.end_seq is not None:
            size = row.end_size or 0
            end = _event(_EventRow(row.end_seq, row.end_at or 0, row.run, row.end_by, size), joined[at : at + size])
            at += size
        found.append(StoredRun(start=start, end=end))
    return found


def read_run(connection: sqlite3.Connection, session: SessionId, run: RunId) -> StoredRun | None:
    key, _, first, _ = _find(connection, session)
    row = connection.execute(SQL["run-start"], (key, run)).fetchone()
    if row is None or row[0] < first:
        return None
    return read_runs(connection, session, before=row[0] + 1, limit=1)[0]


def read_checkpoint(connection: sqlite3.Connection, session: SessionId) -> tuple[Seq, bytes] | None:
    key, *_ = _find(connection, session)
    return connection.execute(SQL["checkpoint"], (key,)).fetchone()


def read_claim(connection: sqlite3.Connection, principal: str, key: str, at: int) -> KeyClaim | None:
    row = connection.execute(SQL["claim"], (principal, key)).fetchone()
    if row is None or rules.expired(row[0], at):
        return None
    return KeyClaim(principal=principal, key=key, body_hash=row[1], outcome=row[2])


def read_feed(connection: sqlite3.Connection, *, after: Pos, limit: int) -> list[FeedEntry]:
    sizes, joined = connection.execute(SQL["feed"], {"after": after, "limit": max(limit, 0)}).fetchone()
    rows = _fact_rows.decode(sizes)
    return [_entry(row, raw) for row, raw in zip(rows, _parts(rows, joined or b""), strict=True)]


def _entry(row: _FactRow, raw: bytes) -> FeedEntry:
    if row.session is None:
        fact: dict[str, Any] = msgspec.json.decode(raw)
        return FeedEntry(pos=row.pos, session=SessionId(fact["session"]), fact=fact)
    return FeedEntry(pos=row.pos, session=row.session, event=_event(row, raw))


def read_feed_head(connection: sqlite3.Connection) -> Pos:
    return connection.execute(SQL["last-pos"]).fetchone()[0]


def read_audit(connection: sqlite3.Connection, *, after: Pos, limit: int) -> list[AuditEntry]:
    (rows,) = connection.execute(SQL["audit"], {"after": after, "limit": max(limit, 0)}).fetchone()
    return [_audited(row) for row in _audit_rows.decode(rows)]


def _audited(row: _AuditRow) -> AuditEntry:
    details: dict[str, Any] | UnsetType = UNSET if row.body is None else msgspec.json.decode(row.body)
    session = row.session
    if session is None and details is not UNSET and row.type == "session-deleted":
        session, details = SessionId(details["session"]), UNSET
    return AuditEntry(
        pos=row.pos,
        at=row.at,
        by=row.by,
        action=row.type,
        session=session or UNSET,
        seq=row.seq or UNSET,
        run=row.run or UNSET,
        details=details,
    )


def read_keys(connection: sqlite3.Connection) -> list[ApiKey]:
    return [
        ApiKey(
            id=name,
            hash=digest,
            principal=_principal.decode(who),
            created_at=created,
            revoked_at=revoked,
            scope=scope,
            label=label,
            expires_at=expires,
        )
        for name, digest, who, created, revoked, scope, label, expires in connection.execute(SQL["keys"])
    ]
