"""The store of a hub on one machine: a SQLite file in the data folder."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from anyio import to_thread

from roost.model.events import Principal
from roost.model.ids import MessageId, Pos, RunId, Seq, SessionId
from roost.model.stored import (
    ApiKey,
    Append,
    Appended,
    AuditEntry,
    Deed,
    FeedEntry,
    Item,
    KeyClaim,
    Page,
    SessionPage,
    SessionQuery,
    StoredMessage,
    StoredRun,
    StoredSession,
)
from roost.storage.sqlite import finding, reader
from roost.storage.sqlite.connect import copy_store, storage_error
from roost.storage.sqlite.items import read_item, read_items
from roost.storage.sqlite.reader import Readers
from roost.storage.sqlite.transaction import Transaction
from roost.storage.sqlite.turns import Turns
from roost.storage.sqlite.writer import Writer

FILE = "roost.db"


class SqliteStore:
    """One writer thread, a few readers. Use it on the event loop that opened it."""

    def __init__(self, path: Path, writer: Writer, readers: Readers) -> None:
        self._path = path
        self._writer = writer
        self._readers = readers
        self._totals = finding.Totals()

    @property
    def commits(self) -> int:
        """How many transactions have written something since the store was opened."""
        return self._writer.commits

    async def create(self, append: Append) -> Appended:
        return await self._writer.call(Transaction.create, append)

    async def append(self, append: Append) -> Appended:
        return await self._writer.call(Transaction.append, append)

    async def read(self, session: SessionId, *, after: Seq = 0, limit: int = 500, max_bytes: int = 262_144) -> Page:
        return await self._readers.call(reader.read_page, session, after=after, limit=limit, max_bytes=max_bytes)

    async def trim(self, session: SessionId, *, before: Seq) -> None:
        await self._writer.call(Transaction.trim, session, before)

    async def get(self, session: SessionId) -> StoredSession:
        return await self._readers.call(reader.read_session, session)

    async def list(self, query: SessionQuery) -> SessionPage:
        return await self._readers.call(finding.list_sessions, query, self._totals.of(self._writer.listings))

    async def counts(self, query: SessionQuery) -> Mapping[str, int]:
        return await self._readers.call(finding.count_sessions, query, self._totals.of(self._writer.listings))

    async def delete(self, session: SessionId, *, by: Principal | None, at: int, kept: str | None = None) -> Pos:
        return await self._writer.call(Transaction.delete, session, by, at, kept)

    async def messages(
        self, session: SessionId, *, before: Seq | None = None, limit: int = 50
    ) -> Sequence[StoredMessage]:
        return await self._readers.call(reader.read_messages, session, before=before, limit=limit)

    async def message(self, session: SessionId, message: MessageId) -> StoredMessage | None:
        return await self._readers.call(reader.read_message, session, message)

    async def runs(self, session: SessionId, *, before: Seq | None = None, limit: int = 50) -> Sequence[StoredRun]:
        return await self._readers.call(reader.read_runs, session, before=before, limit=limit)

    async def run(self, session: SessionId, run: RunId) -> StoredRun | None:
        return await self._readers.call(reader.read_run, session, run)

    async def save_checkpoint(self, session: SessionId, seq: Seq, data: bytes) -> None:
        await self._writer.call(Transaction.save_checkpoint, session, seq, data)

    async def load_checkpoint(self, session: SessionId) -> tuple[Seq, bytes] | None:
        return await self._readers.call(reader.read_checkpoint, session)

    async def set_token(self, session: SessionId, token_hash: bytes) -> None:
        await self._writer.call(Transaction.set_token, session, token_hash)

    async def find_claim(self, principal: str, key: str, *, at: int) -> KeyClaim | None:
        return await self._readers.call(reader.read_claim, principal, key, at)

    async def feed(self, *, after: Pos = 0, limit: int = 500) -> Sequence[FeedEntry]:
        return await self._readers.call(reader.read_feed, after=after, limit=limit)

    async def feed_head(self) -> Pos:
        return await self._readers.call(reader.read_feed_head)

    async def audit(self, *, after: Pos = 0, limit: int = 500) -> Sequence[AuditEntry]:
        return await self._readers.call(reader.read_audit, after=after, limit=limit)

    async def note(self, deed: Deed) -> None:
        await self._writer.call(Transaction.note, deed)

    async def put_key(self, key: ApiKey, deed: Deed | None = None) -> None:
        await self._writer.call(Transaction.put_key, key, deed)

    async def keys(self) -> Sequence[ApiKey]:
        return await self._readers.call(reader.read_keys)

    async def put_items(self, *items: Item, deed: Deed | None = None) -> None:
        await self._writer.call(Transaction.put_items, items, deed)

    async def item(self, kind: str, item: str) -> Item | None:
        return await self._readers.call(read_item, kind, item)

    async def items(self, kind: str, *, visible_to: Principal | None = None, of: str | None = None) -> Sequence[Item]:
        return await self._readers.call(read_items, kind, visible_to=visible_to, of=of)

    async def drop_item(self, kind: str, item: str, deed: Deed | None = None) -> None:
        await self._writer.call(Transaction.drop_item, kind, item, deed)

    async def copy(self, path: Path) -> None:
        try:
            await to_thread.run_sync(copy_store, self._path, path)
        except (sqlite3.Error, OSError) as error:
            raise storage_error(error) from error

    async def close(self) -> None:
        """Readers first: the last connection to close tidies the file up, and that must be one that may write."""
        await self._readers.close()
        await self._writer.close()


async def open_sqlite(data: Path) -> SqliteStore:
    """The store in `data/roost.db`, made or brought to the newest version if need be."""
    try:
        writer = await to_thread.run_sync(Writer, data / FILE)
    except (sqlite3.Error, OSError) as error:
        raise storage_error(error) from error
    loop = asyncio.get_running_loop()
    turns = Turns(loop)
    writer.start(loop, turns)
    return SqliteStore(data / FILE, writer, Readers(data / FILE, turns))
