"""What every store promises about copies of it (`Store.copy` in ports/)."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from roost.model.errors import SessionNotFound, StorageUnavailable
from roost.model.ids import SessionId
from roost.model.stored import ApiKey
from roost.ports import Store
from roost.storage import SCHEMES, open_store
from tests.contract.given import ANNA, NOON, append, created, fact, new_session, read_all, record, texts

FORGETFUL = ("memory",)
"""Stores without a file."""
EACH = 5
"""Events of one append."""


@pytest.fixture(params=sorted(SCHEMES.keys() - FORGETFUL))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    (tmp_path / "store").mkdir()
    store = await open_store(request.param, tmp_path / "store")
    yield store
    await store.close()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A data folder, where a copy of the store may come to be."""
    (tmp_path / "copied").mkdir()
    return tmp_path / "copied"


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[Store]:
    store = await open_store("sqlite", folder)
    try:
        yield store
    finally:
        await store.close()


async def test_a_copy_is_a_store_with_all_that_was_committed(store: Store, copied: Path) -> None:
    await store.create(append(created(), record=record(), env={"TOKEN": "secret"}))
    await store.append(append(*texts(EACH)))
    await store.put_key(ApiKey(id="k", hash=b"h" * 32, principal=ANNA, created_at=NOON))
    await store.copy(copied / "roost.db")
    assert (copied / "roost.db").stat().st_mode & 0o777 == 0o600
    await store.append(append(fact()))
    async with opened(copied) as copy:
        assert await read_all(copy) == (await read_all(store))[: 1 + EACH]
        assert (await copy.get(SessionId("s"))).env == {"TOKEN": "secret"}
        assert await copy.keys() == await store.keys()
        assert await copy.feed() == (await store.feed())[:-1]
        await new_session(copy, "another")
    with pytest.raises(SessionNotFound):
        await store.get(SessionId("another"))


async def test_a_copy_made_beside_a_writer_has_whole_appends_up_to_one_moment(store: Store, copied: Path) -> None:
    await new_session(store)
    acknowledged, before = 0, 0

    async def write() -> None:
        nonlocal acknowledged
        while True:
            await store.append(append(*texts(EACH)))
            acknowledged += EACH

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        with anyio.fail_after(10):
            while acknowledged < 20 * EACH:  # noqa: ASYNC110  # the writer is not told to say so
                await anyio.sleep(0.001)
            before = acknowledged
            await store.copy(copied / "roost.db")
            while acknowledged == before:  # noqa: ASYNC110
                await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()
    async with opened(copied) as copy:
        log = await read_all(copy)
    assert log == (await read_all(store))[: len(log)]
    assert len(log) % EACH == 1 and 1 + before <= len(log)


async def test_a_copy_takes_the_place_of_no_other_file(store: Store, copied: Path) -> None:
    (copied / "roost.db").write_bytes(b"mine")
    with pytest.raises(StorageUnavailable):
        await store.copy(copied / "roost.db")
    assert (copied / "roost.db").read_bytes() == b"mine"


@pytest.mark.parametrize("scheme", FORGETFUL)
async def test_a_store_without_a_file_has_no_copy(scheme: str, tmp_path: Path) -> None:
    store = await open_store(scheme, tmp_path)
    with pytest.raises(StorageUnavailable):
        await store.copy(tmp_path / "roost.db")
    assert list(tmp_path.iterdir()) == []
    await store.close()
