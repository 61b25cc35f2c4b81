"""The hubs that tests are given: they start, die, come back, and leave nothing."""

import os
from pathlib import Path

import anyio
import pytest

from roost.model.errors import StartFailed
from roost.processes import HOST_MARK, marked
from roost.testing import hub_process, running_hub, take


async def test_a_running_hub_runs_sessions() -> None:
    async with running_hub() as hub, hub.client() as client:
        session = await client.create_session(task="hello")
        with anyio.fail_after(20):
            events = [event async for event in session.events(until="run-complete")]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert not hub.data.exists()
    assert marked(HOST_MARK, lambda mark: mark.startswith(session.id)) == []


async def test_a_running_hub_comes_back_on_another_port_and_streams_go_on() -> None:
    async with running_hub() as hub, hub.client() as client:
        session = await client.create_session(task='script: [{"deltas": {"count": 60, "bytes": 10, "per_second": 40}}]')
        first = await take(session.events(), 10)
        before = hub.url
        await hub.restart()
        assert hub.url != before
        with anyio.fail_after(30):
            rest = [event async for event in session.events(after=first[-1].seq, until="run-complete")]
    assert [event.seq for event in first + rest] == list(range(1, len(first + rest) + 1))


async def test_a_hub_process_is_killed_and_takes_up_where_it_was(tmp_path: Path) -> None:
    async with hub_process(tmp_path / "data") as hub, hub.client() as client:
        session = await client.create_session(task="hello")
        with anyio.fail_after(20):
            await session.wait_idle()
        before, seq = hub.pid, (await session.info()).seq
        await hub.restart()
        assert hub.pid != before
        assert (await session.info()).seq >= seq
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


async def test_a_hub_process_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="config_invalid"):
        async with hub_process(tmp_path, grace_seconds=-1):
            pass


async def test_take_closes_what_it_reads() -> None:
    async with running_hub() as hub, hub.client() as client:
        session = await client.create_session()
        events = session.events()
        assert [event.seq for event in await take(events, 2)] == [1, 2]
        with pytest.raises(StopAsyncIteration):
            await anext(events)
