"""A hub that is killed while it starts a host: before, during and after the spawn. Nothing stays `creating`, nothing
stays `resuming`, and what was asked for is done once."""

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from roost.client import AsyncSession
from tests.fire.hubs import Fire, Hub
from tests.fire.processes import send_signal
from tests.fire.watch import check_log, deltas, numbers, script, watching

pytestmark = [pytest.mark.anyio, pytest.mark.fire, pytest.mark.timeout(90)]

COUNT = 10
TASK = script(deltas(COUNT))
NEVER_SECONDS = 10.0
ROUNDS = [1, pytest.param(5, marks=pytest.mark.long)]
LATER_SECONDS = (0, 0.0005, 0.001, 0.002, 0.004)

Moment = Callable[[Hub], Callable[[], bool]]
"""Looks at the hub now, and gives a test that is true from a certain moment on."""


def commit_begins(hub: Hub) -> Callable[[], bool]:
    """Something is written to the store."""
    path = hub.data / "roost.db-wal"
    size = path.stat().st_size
    return lambda: path.stat().st_size != size


def start_begins(hub: Hub) -> Callable[[], bool]:
    """The first thing a hub does for a host is to make the file by which all that it starts can be found."""
    return _new_file(hub.data / "hosts", "*.mark")


def host_is_known(hub: Hub) -> Callable[[], bool]:
    """It is noted which process the host is. One that waited has its ticket after this, a new one has it already."""
    return _new_file(hub.data / "hosts", "*.json")


def _new_file(folder: Path, pattern: str) -> Callable[[], bool]:
    known = _made(folder, pattern)
    return lambda: bool(_made(folder, pattern) - known)


def _made(folder: Path, pattern: str) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):
            found.add((path.name, path.stat().st_mtime_ns))
    return found


async def kill_when(hub: Hub, moment: Moment, later_seconds: float) -> None:
    """SIGKILL the hub in this moment, or a little later: a thread does nothing but look."""
    come = moment(hub)

    def look() -> None:
        until = time.monotonic() + NEVER_SECONDS
        while not come():
            assert time.monotonic() < until, "it never happened"
        time.sleep(later_seconds)
        send_signal(signal.SIGKILL, hub.pid)

    await to_thread.run_sync(look)
    await hub.restart()


async def check_done(session: AsyncSession, runs: int) -> None:
    """The session has carried out all it was asked for, each once."""
    async with watching(session) as (watch,):
        info = await session.wait_idle()
        await watch.until(lambda event: event.seq == info.seq)
        assert (info.phase, info.status) == ("active", "idle")
        ends = check_log(watch.events)
        assert [end.type for end in ends.values()] == ["run-complete"] * runs
        assert [numbers(watch.events, run) for run in ends] == [list(range(COUNT))] * runs


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("warm", [0, 1], ids=["cold", "warm"])
@pytest.mark.parametrize("moment", [commit_begins, start_begins, host_is_known])
async def test_a_session_whose_hub_is_killed_while_it_starts_is_started_by_the_next(
    fire: Fire, moment: Moment, warm: int, rounds: int
) -> None:
    hub = await fire.hub(warm_hosts=warm)
    async with hub.client() as client:
        await client.create_session()  # so that all files are there
        for _ in range(rounds):
            sessions: list[AsyncSession] = []

            async def create(sessions: list[AsyncSession] = sessions) -> None:
                sessions.append(await client.create_session(task=TASK))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(kill_when, hub, moment, fire.random.choice(LATER_SECONDS))
                tasks.start_soon(create)
            await check_done(sessions[0], 1)
            await sessions[0].delete(force=True)
        assert (await client.list_sessions()).total == 1


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("warm", [0, 1], ids=["cold", "warm"])
@pytest.mark.parametrize("moment", [commit_begins, start_begins, host_is_known])
async def test_a_session_whose_hub_is_killed_while_it_wakes_is_woken_by_the_next(
    fire: Fire, moment: Moment, warm: int, rounds: int
) -> None:
    hub = await fire.hub(warm_hosts=warm)
    async with hub.client() as client:
        session = await client.create_session(task=TASK)
        async with watching(session) as (watch,):
            for _ in range(rounds):
                await session.wait_idle()
                paused = await session.pause()
                await watch.until("session-paused", after=paused.seq - 1)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(kill_when, hub, moment, fire.random.choice(LATER_SECONDS))
                    tasks.start_soon(session.send, TASK)
        await check_done(session, 1 + rounds)


async def create_and_kill(fire: Fire, rounds: int) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        for _ in range(rounds):
            sessions: list[AsyncSession] = []

            async def create(sessions: list[AsyncSession] = sessions) -> None:
                sessions.append(await client.create_session(task=TASK))

            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(create)
                await anyio.sleep(fire.random.uniform(0, 0.05))  # the instant is the point
                await hub.restart()
            assert (await client.list_sessions()).total == 3
            for session in sessions:
                await check_done(session, 1)
                await session.delete(force=True)


async def test_a_hub_killed_within_fifty_milliseconds_of_a_create_leaves_nothing_half_made(fire: Fire) -> None:
    await create_and_kill(fire, 3)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_hub_killed_right_after_a_create_a_hundred_times_leaves_nothing_half_made(fire: Fire) -> None:
    await create_and_kill(fire, 100)
