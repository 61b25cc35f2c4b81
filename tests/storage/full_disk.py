"""A store meets a full disk. As a program: on a small file system of its own, mounted at the folder it is given."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from anyio import create_task_group, fail_after

from roost.model.errors import StorageFull
from roost.model.ids import SessionId
from roost.storage.sqlite.store import SqliteStore, open_sqlite
from tests.contract.given import from_host, new_session, read_all, said, text

S = SessionId("s")
BIG = 50_000


async def meets_a_full_disk(store: SqliteStore, make_room: Callable[[], Awaitable[None]]) -> None:
    """Append until there is no room: nothing acknowledged is lost, nothing refused is kept; with room it goes on."""
    await new_session(store)
    await new_session(store, "t")
    words: list[str] = []

    def word() -> str:
        return f"{len(words):08d}" + "." * BIG

    full = 0
    while not full:
        try:
            await store.append(from_host(len(words) + 1, text(word())))
            words.append(word())
        except StorageFull:
            full += 1
        assert len(words) < 1000, "the disk never got full"
    assert len(words) > 5, "the disk was full from the beginning"
    stored = await store.get(S)
    assert (stored.head, stored.produced) == (len(words) + 1, len(words))
    assert said(await read_all(store)) == words

    refused: list[str] = []

    async def try_append(session: str, first: int) -> None:
        try:
            await store.append(from_host(first, text(word()), session=session))
        except StorageFull:
            refused.append(session)

    async with create_task_group() as tasks:  # as one group: its failure reaches every caller
        tasks.start_soon(try_append, "s", len(words) + 1)
        tasks.start_soon(try_append, "t", 1)
    assert refused

    await make_room()
    for number in range(10):
        done = await store.append(from_host(len(words) + 1, text(word())))
        if number or "s" in refused:
            assert done.dropped == 0
        words.append(word())
    assert said(await read_all(store)) == words


async def program(data: Path) -> None:
    filler = data / "filler"
    filler.write_bytes(b"." * 2_500_000)
    store = await open_sqlite(data)

    async def make_room() -> None:
        filler.unlink()

    with fail_after(30):
        await meets_a_full_disk(store, make_room)
        await store.close()


if __name__ == "__main__":
    anyio.run(program, Path(sys.argv[1]))
    print("went on")
