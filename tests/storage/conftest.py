"""The SQLite store by itself: what the common suite cannot see."""

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event

import pytest
from anyio import create_task_group, to_thread

import roost
from roost.storage.sqlite.store import SqliteStore, open_sqlite

ROOT = Path(__file__).resolve().parents[2]


def child_env() -> dict[str, str]:
    """For a Python that imports what this one does. Programs of the tests are started in ROOT."""
    return os.environ | {"PYTHONPATH": str(Path(roost.__path__[0]).parent)}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path)
    yield store
    await store.close()


@asynccontextmanager
async def held(store: SqliteStore) -> AsyncGenerator[None, None]:
    """While inside, the writer is busy with a call that writes nothing, and every other call waits for it."""
    entered, leave = Event(), Event()

    def hold(_: object) -> None:
        entered.set()
        assert leave.wait(10)

    async with create_task_group() as tasks:
        tasks.start_soon(store._writer.call, hold)
        await to_thread.run_sync(entered.wait)
        try:
            yield
        finally:
            leave.set()
