"""A hub that is away for longer than its hosts stay, or than they can remember: what they made is there when it is
back."""

from pathlib import Path

import anyio
import pytest
from msgspec import UNSET

from roost.client import AsyncSession
from roost.model.envelope import Event
from roost.model.events import RunError, SessionPaused
from tests.fire.hubs import Fire, Hub
from tests.fire.processes import eventually, gone
from tests.fire.watch import Watch, check_log, deltas, numbers, script, watching, whole_log

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

COUNT = 200


async def lost_in_mid_run(hub: Hub, session: AsyncSession, watch: Watch) -> int:
    """Kill the hub while the session's run is going on; its host's pid."""
    await watch.deltas(20)
    host = hub.host(session)
    assert host is not None
    await hub.kill()
    return host


def spool_of(hub: Hub, session: AsyncSession) -> Path:
    return hub.data / "spool" / f"{session.id}.1"


async def test_what_an_idle_host_wrote_down_before_it_left_is_there_after_the_restart(fire: Fire) -> None:
    hub = await fire.hub(link_away_idle_seconds=0.5)
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(COUNT, 200)))
        async with watching(session) as (watch,):
            host = await lost_in_mid_run(hub, session, watch)
            await gone(host)
            assert spool_of(hub, session).exists()
            await hub.start()
            assert not spool_of(hub, session).exists(), "a hub takes the spools in before it says that it is ready"
            paused = await watch.until("session-paused")
            assert isinstance(paused.body, SessionPaused)
            assert numbers(watch.events, run_of(watch.events)) == list(range(COUNT))
            again = await session.send("awake?")
            assert again.error is UNSET
        assert [end.type for end in check_log(watch.events).values()] == ["run-complete", "run-complete"]
        assert (await session.info()).phase == "active"


async def test_a_host_that_leaves_while_the_next_hub_starts_loses_nothing(fire: Fire) -> None:
    """Whichever of the two is first by a hair."""
    hub = await fire.hub(link_away_idle_seconds=0.6)
    async with hub.client() as client:
        for _ in range(3):
            session = await client.create_session(task=script(deltas(40, 200)))
            async with watching(session) as (watch,):
                host = await lost_in_mid_run(hub, session, watch)
                await anyio.sleep(fire.random.uniform(0.0, 0.5))  # the instant is the point
                await hub.start()
                end = await watch.end_of(run_of(watch.events))
                assert end.type == "run-complete"
                assert numbers(watch.events, end.run) == list(range(40))
            log = await whole_log(session)
            check_log(log)
            await session.delete(force=True)
            await gone(host)
        assert list((hub.data / "orphans").glob("*")) == []


async def test_a_host_at_work_stays_however_long_the_hub_is_away(fire: Fire) -> None:
    hub, folder = await fire.hub(link_away_idle_seconds=0.1), fire.workspace()
    waits = {"bash": {"command": "until [ -e go ]; do sleep 0.05; done"}}
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(COUNT), waits, {"text": "on"}), workspace=folder)
        async with watching(session) as (watch,):
            host = await lost_in_mid_run(hub, session, watch)
            await hub.start()  # takes longer than an idle host would wait
            await eventually(lambda: linked(session))
            assert hub.host(session) == host
            (folder / "go").touch()
            end = await watch.until("run-complete")
        assert "runtime-lost" not in watch.types()
        assert list(check_log(watch.events)) == [end.run]


async def test_a_long_outage_is_spooled_to_disk_and_comes_back_in_order(fire: Fire) -> None:
    hub = await fire.hub(link_spool_memory_bytes=4096)
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(3000, 1500)))
        async with watching(session) as (watch,):
            await lost_in_mid_run(hub, session, watch)
            spool = hub.data / "spool" / f"{session.id}.1.tmp"
            await eventually(lambda: spool.exists() and spool.stat().st_size > 100_000)
            await hub.start()
            end = await watch.until("run-complete")
            assert numbers(watch.events, end.run) == list(range(3000))
        check_log(watch.events)


async def test_a_full_spool_stops_the_agent_and_nothing_it_had_said_is_lost(fire: Fire) -> None:
    hub = await fire.hub(link_spool_memory_bytes=20_000, link_spool_disk_bytes=40_000)
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(100_000, 2000)))
        async with watching(session) as (watch,):
            host = await lost_in_mid_run(hub, session, watch)
            await eventually(lambda: full(hub, session))
            await hub.start()
            end = await watch.end_of(run_of(watch.events))
            assert isinstance(end.body, RunError) and end.body.error.code == "spool_full"
            said = numbers(watch.events, end.run)
            assert said == list(range(len(said))) and len(said) > 100
            assert hub.host(session) == host
            again = await session.send("room again")
            assert again.error is UNSET
        check_log(watch.events)


async def linked(session: AsyncSession) -> bool:
    return (await session.info()).view.control_available


def full(hub: Hub, session: AsyncSession) -> bool:
    spool = hub.data / "spool" / f"{session.id}.1.tmp"
    return spool.exists() and spool.stat().st_size > 39_000


def run_of(events: list[Event]) -> object:
    """The last run that began."""
    return [event.run for event in events if event.type == "run-start"][-1]
