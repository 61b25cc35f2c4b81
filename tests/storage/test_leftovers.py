"""What was deleted or trimmed is out of sight at once and gone from the file soon, without holding up commits."""

import sqlite3
from contextlib import closing
from pathlib import Path

from anyio import fail_after
from anyio.lowlevel import checkpoint

from roost.model.ids import MessageId, SessionId
from roost.model.stored import StoredMessage
from roost.storage.sqlite.leftovers import ROWS
from roost.storage.sqlite.store import FILE, SqliteStore, open_sqlite
from tests.contract.given import NOON, append, fact, new_session, read_all, said, text, texts

S = SessionId("s")


def rows(data: Path, table: str) -> int:
    with closing(sqlite3.connect(data / FILE)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


async def swept(data: Path) -> None:
    with fail_after(10):
        while rows(data, "leftovers"):
            await checkpoint()


async def long_session(store: SqliteStore) -> None:
    await new_session(store)
    messages = [StoredMessage(id=MessageId(f"m{number}"), first=number, data=b"{}") for number in range(ROWS + 10)]
    await store.append(append(*texts(3 * ROWS), messages=messages))


async def test_a_long_deleted_session_leaves_the_file_and_takes_nothing_else_along(
    store: SqliteStore, tmp_path: Path
) -> None:
    await new_session(store, "other")
    await store.append(
        append(text("kept"), session="other", messages=[StoredMessage(id=MessageId("m"), first=1, data=b"")])
    )
    await long_session(store)
    await store.delete(S, by=None, at=NOON)
    await new_session(store)
    await store.append(append(text("new"), messages=[StoredMessage(id=MessageId("m0"), first=1, data=b"new")]))
    await swept(tmp_path)
    assert (rows(tmp_path, "events"), rows(tmp_path, "messages")) == (5, 2)
    assert said(await read_all(store)) == ["new"]
    assert said(await read_all(store, "other")) == ["kept"]


async def test_a_trimmed_log_keeps_its_messages_and_later_events(store: SqliteStore, tmp_path: Path) -> None:
    await long_session(store)
    await store.trim(S, before=2 * ROWS)
    await store.trim(S, before=3 * ROWS)
    await store.append(append(fact()))
    await swept(tmp_path)
    assert (rows(tmp_path, "events"), rows(tmp_path, "messages")) == (3, ROWS + 10)
    assert said(await read_all(store, after=3 * ROWS - 1)) == [str(3 * ROWS - 1), str(3 * ROWS)]


async def test_what_was_left_over_by_a_closed_store_is_swept_by_the_next(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    await long_session(store)
    await store.delete(S, by=None, at=NOON)
    await store.close()
    assert rows(tmp_path, "leftovers") == 1
    store = await open_sqlite(tmp_path)
    await swept(tmp_path)
    assert (rows(tmp_path, "events"), rows(tmp_path, "messages")) == (1, 0)
    await store.close()
