"""A hub that is killed at random instants while twenty sessions work: nothing is lost, nothing doubled."""

import sqlite3
from pathlib import Path

import anyio
import pytest

from roost.client import AsyncSession
from roost.model.envelope import Event
from roost.model.info import Accepted
from tests.fire.hubs import Fire
from tests.fire.watch import Watch, check_log, check_same, deltas, numbers, script, watching, whole_log

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

SESSIONS = 20
COUNT = 60
LONGEST_LIFE_SECONDS = 0.7
"""How long a hub is left to work, at most, before it is killed again."""
DIES_STARTING = 0.4
"""How often the next one is killed too, before it is up."""


class Worker:
    """Gives its session one run after the other, whatever happens to the hub, and keeps what it was promised."""

    def __init__(self, session: AsyncSession, watch: Watch) -> None:
        self.session = session
        self.watch = watch
        self.promised: list[Accepted] = []
        self.last = False

    async def work(self) -> None:
        while not self.last:
            accepted = await self.session.start(script(deltas(COUNT, 60)))
            self.promised.append(accepted)
            await self.watch.end_of(accepted.run, seconds=60)

    async def check(self) -> list[Event]:
        """Every promise is kept: what was accepted is in the log, where it was said to be, and was carried out once."""
        log = await whole_log(self.session)
        ends = check_log(log)
        check_same(self.watch.events, log)
        assert len(self.watch.events) == len(log)
        assert [log[accepted.seq - 1].run for accepted in self.promised] == [a.run for a in self.promised]
        assert [log[accepted.seq - 1].type for accepted in self.promised] == ["run-start"] * len(self.promised)
        assert list(ends) == [accepted.run for accepted in self.promised], "a run nobody asked for, or one too few"
        assert {end.type for end in ends.values()} == {"run-complete"}
        assert [numbers(log, run) for run in ends] == [list(range(COUNT))] * len(ends)
        info = await self.session.info()
        assert (info.status, info.phase, info.epoch) == ("idle", "active", 1), "hosts go on: no new epoch, no grace"
        return log


async def storm(fire: Fire, kills: int) -> None:
    hub, workers = await fire.hub(), list[Worker]()
    async with hub.client() as client:
        sessions = [await client.create_session() for _ in range(SESSIONS)]
        async with watching(*sessions) as watches, anyio.create_task_group() as tasks:
            workers += [Worker(session, watch) for session, watch in zip(sessions, watches, strict=True)]
            for worker in workers:
                tasks.start_soon(worker.work)
            await watches[-1].deltas(1)
            for _ in range(kills):
                await anyio.sleep(fire.random.uniform(0.0, LONGEST_LIFE_SECONDS))  # the instant is the point
                await hub.kill()
                if fire.random.random() < DIES_STARTING:
                    await hub.spawn()
                    await anyio.sleep(fire.random.uniform(0.0, LONGEST_LIFE_SECONDS))
                    await hub.kill()
                await hub.start()
            for worker in workers:
                worker.last = True
        for worker in workers:
            await worker.check()
    await hub.shut_down()
    check_file(hub.data / "roost.db")


def check_file(path: Path) -> None:
    with sqlite3.connect(path) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    file.close()


@pytest.mark.timeout(90)
async def test_a_hub_killed_five_times_under_load_loses_and_doubles_nothing(fire: Fire) -> None:
    await storm(fire, 5)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_hub_killed_fifty_times_under_load_loses_and_doubles_nothing(fire: Fire) -> None:
    await storm(fire, 50)
