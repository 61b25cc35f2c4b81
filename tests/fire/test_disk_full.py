"""A hub whose disk is full says so in words one can act on, loses nothing, and goes on when there is room again."""

import signal

import pytest
from msgspec import UNSET

from roost.client import AsyncSession
from roost.model.errors import RoostError, StorageFull
from tests.fire.disks import SmallDisk
from tests.fire.hubs import Fire
from tests.fire.processes import eventually, gone, send_signal
from tests.fire.watch import check_log, deltas, numbers, script, watching, whole_log

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

MEGABYTES = 24
COUNT = 1000


async def fill(disk: SmallDisk, session: AsyncSession) -> RoostError:
    """Fill the disk until the hub cannot take even a label; what it says then."""

    async def refused() -> RoostError | None:
        disk.fill()
        try:
            await session.update(label="x" * 200)
        except RoostError as error:
            return error
        return None

    error = await eventually(refused)
    assert error is not None
    return error


async def test_a_run_goes_on_while_the_hubs_disk_is_full_and_all_of_it_is_there_later(fire: Fire) -> None:
    folder = fire.workspace()
    task = script(deltas(COUNT, 400), {"bash": {"command": "touch done"}})
    disk = await fire.small_disk(MEGABYTES)
    hub = await fire.hub(disk=disk, grace_seconds=1, log_level="debug")
    async with hub.client() as client:
        session = await client.create_session(task=task, workspace=folder)
        async with watching(session) as (watch,):
            await watch.deltas(100)
            host = hub.host(session)
            error = await fill(disk, session)
            assert (type(error), error.code) == (StorageFull, "storage_full")
            with pytest.raises(StorageFull):
                await client.create_session(task="no room")
            await eventually((folder / "done").exists)  # the agent does not wait for the hub
            for _ in range(100):  # each writes a line of the log, for which there is no room either
                await client.agents()
            assert (await session.info()).status == "busy", "what was there can still be read"
            disk.free()
            end = await watch.until("run-complete")
            assert numbers(watch.events, end.run) == list(range(COUNT))
            assert hub.host(session) == host
        assert list(check_log(watch.events)) == [end.run]
        assert "runtime-lost" not in watch.types(), "a full disk is no reason to give up a host"
        assert (await client.list_sessions()).total == 1
        assert (await session.send("room again")).error is UNSET


@pytest.mark.parametrize("task", [None, script(deltas(100_000, 100))], ids=["idle", "busy"])
async def test_a_host_that_dies_while_the_disk_is_full_is_settled_when_there_is_room(
    fire: Fire, task: str | None
) -> None:
    disk = await fire.small_disk(MEGABYTES)
    hub = await fire.hub(disk=disk)
    async with hub.client() as client:
        session = await client.create_session(task=task)
        async with watching(session) as (watch,):
            await watch.until("text-delta" if task else "runtime-ready")
            await fill(disk, session)
            host = hub.host(session)
            send_signal(signal.SIGKILL, host)
            await gone(host)
            disk.free()
            await watch.until("session-paused")
            assert (await session.send("awake")).error is UNSET
        assert [end.type for end in check_log(watch.events).values()][-2:] == ["run-error", "run-complete"][not task :]


async def test_a_hub_killed_with_a_full_disk_has_every_event_when_it_is_back(fire: Fire) -> None:
    disk = await fire.small_disk(MEGABYTES)
    hub = await fire.hub(disk=disk)
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(COUNT, 200)))
        async with watching(session) as (watch,):
            await watch.deltas(50)
            await fill(disk, session)
            before = await whole_log(session)
            await hub.kill()
            disk.free()
            await hub.start()
            end = await watch.until("run-complete")
            assert numbers(watch.events, end.run) == list(range(COUNT))
        assert [event.raw for event in watch.events[: len(before)]] == [event.raw for event in before]
        assert list(check_log(watch.events)) == [end.run]
