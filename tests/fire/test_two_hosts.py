"""Two hosts for one session: the older is fenced, and its agent's tree is gone before the newer starts."""

import signal
from typing import Any

import anyio
import pytest
from anyio import to_thread
from msgspec import UNSET

from roost.client import AsyncSession, SendResult
from roost.model.envelope import encode_event
from roost.model.messages import ToolPart, ToolState
from tests.fire.hubs import Fire, Hub
from tests.fire.processes import eventually, gone, is_running, marked, send_signal
from tests.fire.watch import check_log, check_same, deltas, script, watching, whole_log

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

SHORT: dict[str, Any] = {"grace_seconds": 1, "link_lost_after_seconds": 1, "link_heartbeat_seconds": 0.2}
TREE = "sleep 1000 & setsid sleep 1001 & env -i setsid sleep 1002 & echo $!; wait"
"""One command of the tree has nothing in its environment by which it could be found."""
SCAN = "grep -lzaE '^ROOST_MARK={session}[.]{epoch}([.]|$)' /proc/[0-9]*/environ 2>/dev/null; true"


class Overlap:
    """Looks at the processes, as fast as it can, until a newer host was seen: does one of the older tree live then?"""

    def __init__(self, hub: Hub, session: AsyncSession, older: list[int]) -> None:
        self.seen: list[str] = []
        self._hub, self._session, self._older = hub, session, older

    async def watch(self) -> None:
        await to_thread.run_sync(self._look, abandon_on_cancel=True)

    def _look(self) -> None:
        while (newer := self._hub.note(self._session)).get("epoch") != 3:
            pass
        self.seen = [f"{pid} beside {newer}" for pid in self._older if is_running(pid)]
        self.seen += [f"{old} beside {newer}" for old in marked(self._session.id, 1)]


async def test_the_old_tree_is_gone_before_a_newer_host_starts(fire: Fire) -> None:
    hub = await fire.hub(**SHORT)
    async with hub.client() as client:
        session = await client.create_session(task=script({"bash": {"command": TREE}}))
        async with watching(session) as (watch,):
            hidden = int(getattr((await watch.until("tool-delta")).body, "delta", ""))
            old = {hub.host(session), *hub.commands(session), hidden}
            assert len(old) >= 5
            send_signal(signal.SIGSTOP, *old)
            paused = await watch.until("session-paused", seconds=10)
            assert all(is_running(pid) for pid in old), "a stopped host is not known to be dead"
            overlap = Overlap(hub, session, sorted(old))
            steps = [{"bash": {"command": SCAN.format(session=session.id, epoch=epoch)}} for epoch in (1, 3)]
            again: SendResult | None = None
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(overlap.watch)
                again = await session.send(script(*steps))
        assert again is not None and again.error is UNSET
        assert overlap.seen == []
        old_ones, new_ones = (part.output for part in tool_states(again))
        assert old_ones == "", "the first thing that the new agent did was to look for the old one"
        assert new_ones != ""
        assert not any(is_running(pid) for pid in old)
        ends = check_log(watch.events)
        assert [end.type for end in ends.values()] == ["run-error", "run-complete"]
        assert paused.seq < again.seq


async def test_a_host_stopped_beyond_the_grace_is_fenced_when_it_goes_on(fire: Fire) -> None:
    hub = await fire.hub(**SHORT)
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(100_000, 300)))
        async with watching(session) as (watch,):
            await watch.deltas(30)
            host = hub.host(session)
            send_signal(signal.SIGSTOP, host)
            paused = await watch.until("session-paused", seconds=10)
            send_signal(signal.SIGCONT, host)
            await gone(host)
        log = await whole_log(session)
        check_same(watch.events, log)
        assert log[-1].seq == paused.seq, "nothing of a fenced host enters the log"
        assert [end.type for end in check_log(log).values()] == ["run-error"]
        orphan = hub.data / "orphans" / f"{session.id}.1"
        kept = await eventually(lambda: orphan.read_text().splitlines() if orphan.exists() else [])
        assert len(kept) > 1, "what it had made since is kept aside"
        again = await session.send("hello")
        assert again.error is UNSET
        assert [encode_event(event) for event in (await whole_log(session))[: len(log)]] == [
            encode_event(event) for event in log
        ]


async def test_a_host_that_goes_on_within_the_grace_goes_on_with_its_run(fire: Fire) -> None:
    hub = await fire.hub(grace_seconds=20, link_lost_after_seconds=0.5, link_heartbeat_seconds=0.1)
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(300, 150)))
        async with watching(session) as (watch,):
            await watch.deltas(20)
            host = hub.host(session)
            send_signal(signal.SIGSTOP, host)
            await unlinked(session)
            send_signal(signal.SIGCONT, host)
            end = await watch.until("run-complete")
        assert list(check_log(watch.events)) == [end.run]
        assert "runtime-lost" not in watch.types()


async def test_a_session_woken_while_its_old_host_goes_on_has_one_host(fire: Fire) -> None:
    """Both at once: the old host is let go in the moment in which the new one is asked for."""
    hub = await fire.hub(**SHORT)
    async with hub.client() as client:
        session = await client.create_session()
        async with watching(session) as (watch,):
            accepted = await session.start(script({"bash": {"command": TREE}}))
            await watch.until("tool-delta", after=accepted.seq)
            old = [hub.host(session), *hub.commands(session)]
            send_signal(signal.SIGSTOP, *old)
            await watch.until("session-paused", seconds=10)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(session.send, script(deltas(20, 100)))
                send_signal(signal.SIGCONT, *old)
            await gone(*old)
            assert hub.note(session)["epoch"] == 3 and hub.host(session) not in old
        assert [end.type for end in check_log(watch.events).values()] == ["run-error", "run-complete"]


def tool_states(result: SendResult) -> list[ToolState]:
    return [part.state for part in result.parts if isinstance(part, ToolPart)]


async def unlinked(session: AsyncSession) -> None:
    """Wait until the hub has lost the link."""

    async def no_control() -> bool:
        return not (await session.info()).view.control_available

    await eventually(no_control)
