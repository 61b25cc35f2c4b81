"""Neither a busy event loop nor a busy writer keeps the store's other threads from their work."""

import time
from collections.abc import Callable
from typing import Any

from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint

from roost.model.ids import SessionId
from roost.model.stored import SessionQuery
from roost.storage.sqlite.store import SqliteStore
from roost.storage.sqlite.turns import Turns
from tests.contract.given import append, new_session, read_all, said, text
from tests.storage.conftest import held

S = SessionId("s")


async def never_idle() -> None:
    """Keeps the loop busy in short pieces, as a hub under load does. Without turns a commit then takes seconds."""
    while True:
        end = time.perf_counter() + 0.000_2
        while time.perf_counter() < end:
            pass
        await checkpoint()


async def test_a_busy_event_loop_does_not_starve_commits_and_reads(store: SqliteStore) -> None:
    await new_session(store)
    with fail_after(10):
        async with create_task_group() as tasks:
            tasks.start_soon(never_idle)
            for number in range(50):
                await store.append(append(text(str(number))))
                await store.read(S, after=number)
            tasks.cancel_scope.cancel()
    assert said(await read_all(store)) == [str(number) for number in range(50)]


async def test_reads_do_not_wait_for_the_writer(store: SqliteStore) -> None:
    await new_session(store)
    with fail_after(5):
        async with held(store):
            assert (await store.get(S)).head == 1
            assert len((await store.read(S)).events) == 1
            assert (await store.list(SessionQuery())).total == 1
            assert await store.feed_head() == 1


class StillLoop:
    """Remembers what it was asked to call later."""

    def __init__(self) -> None:
        self.later: list[Callable[[], Any]] = []

    def call_later(self, _: float, call: Callable[[], Any]) -> None:
        self.later.append(call)

    def tick(self) -> None:
        for call in [self.later.pop(0) for _ in list(self.later)]:
            call()


def test_the_loop_steps_aside_only_while_somebody_waits() -> None:
    loop = StillLoop()
    turns = Turns(loop)  # type: ignore[arg-type]
    assert loop.later == []
    with turns:
        with turns:
            assert len(loop.later) == 1
            loop.tick()
        assert len(loop.later) == 1
        loop.tick()
    loop.tick()
    assert loop.later == []
    with turns:
        assert len(loop.later) == 1
