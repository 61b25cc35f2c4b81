"""The hub in moments that come rarely: a session that is being founded, processes that will not die."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from roost.core.decisions import HUB
from roost.core.session import Session
from roost.model import commands as c
from roost.model.errors import StartFailed
from roost.model.lifecycle import Phase
from tests.api.served import served

pytestmark = pytest.mark.anyio


async def test_a_session_asked_for_again_while_it_is_founded_is_found(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        create, committed, go_on = api.store.create, anyio.Event(), anyio.Event()
        made: list[Session] = []

        async def slow(append: Any) -> Any:
            done = await create(append)
            committed.set()
            await go_on.wait()
            return done

        async def ask() -> None:
            made.append(await api.hub.create_session(c.CreateSession(agent="scripted"), HUB, "key"))

        api.store.create = slow  # type: ignore[method-assign]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await committed.wait()  # it is in the store, and the first to ask does not know it yet
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            go_on.set()
        first, second = made
        assert first is second and first.seq > 0


async def test_processes_that_cannot_be_killed_keep_the_next_host_away_and_the_hub_up(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        session = await api.live()
        session.linked = False

        async def immortal(_: object, *, screen: bool = True) -> None:
            raise StartFailed("it will not die")

        api.runtime.kill = immortal  # type: ignore[method-assign]
        await session.handle(c.Pause(), HUB)
        await phase(api.hub.log, session, Phase.PAUSED)
        started = len(api.runtime.tickets)
        await session.handle(c.Send(text="wake"), HUB)
        await phase(api.hub.log, session, Phase.PAUSED)
        assert len(api.runtime.tickets) == started, "two agents never work in one workspace"
        assert session.info().last_run.error.code == "start_failed"  # type: ignore[union-attr]
        assert (await api.http.get("/readyz")).status_code == 200


async def phase(log: Any, session: Session, wanted: Phase) -> None:
    """Wait until the session stands there."""
    with anyio.fail_after(10):
        async for _ in log.follow(session.id):
            if session.record_now.phase is wanted:
                return
