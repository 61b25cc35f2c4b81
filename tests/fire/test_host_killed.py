"""A host that is killed, and the agent's children: the session says so, leaves nothing behind, and works again."""

import json
import signal
import sys
from hashlib import sha256

import anyio
import pytest
from msgspec import UNSET

from roost.model.events import RunError, RuntimeLost, SessionPaused, ToolDelta, ToolError
from tests.fire.hubs import ROOST, Fire
from tests.fire.processes import eventually, gone, is_running, send_signal
from tests.fire.watch import check_log, deltas, numbers, script, watching

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

AT_ONCE_SECONDS = 5.0
"""Far below the grace: a host that is known dead gets none."""


async def test_a_session_whose_host_is_killed_is_interrupted_at_once_and_wakes(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(10_000, 200)))
        async with watching(session) as (watch,):
            await watch.deltas(20)
            send_signal(signal.SIGKILL, hub.host(session))
            paused = await watch.until("session-paused", seconds=AT_ONCE_SECONDS)
            lost, error = watch.events[paused.seq - 3].body, watch.events[paused.seq - 2].body
            assert isinstance(lost, RuntimeLost) and (lost.epoch, lost.code) == (1, "host_dead")
            assert isinstance(error, RunError) and error.error.code == "interrupted"
            assert isinstance(paused.body, SessionPaused) and paused.body.reason == "interrupted"
            broken = watch.events[paused.seq - 2].run
            info = await session.info()
            assert (info.phase, info.status, info.view.wake_available) == ("paused", "error", True)
            again = await session.send(script(deltas(30)))
        ends = check_log(watch.events[: again.seq])
        said = numbers(watch.events, broken)
        assert said == list(range(len(said))) and len(said) >= 20
        assert (ends[again.run].type, numbers(watch.events, again.run)) == ("run-complete", list(range(30)))


async def test_a_killed_host_leaves_no_process_behind_however_it_hides(fire: Fire) -> None:
    hub = await fire.hub()
    command = "sleep 1000 & setsid sleep 1001 & (setsid sh -c 'sleep 1002 & sleep 1003' &) ; sleep 0.2; echo up; wait"
    async with hub.client() as client:
        session = await client.create_session(task=script({"bash": {"command": command}}))
        async with watching(session) as (watch,):
            await watch.until("tool-delta")
            tree = [hub.host(session), *hub.commands(session)]
            assert len(tree) >= 7
            send_signal(signal.SIGKILL, hub.host(session))
            await watch.until("session-paused", seconds=AT_ONCE_SECONDS)
            await gone(*tree)


async def test_what_a_hub_that_was_killed_had_left_to_kill_is_killed_by_the_next(fire: Fire) -> None:
    """It has said that the host is lost, and not come to its tree: as one does that never kills any."""
    lazy = [sys.executable, "-m", "tests.fire.chaos.mutants", "leaves-the-tree"]
    hub = await fire.hub(command=lazy)
    async with hub.client() as client:
        session = await client.create_session(task=script({"bash": {"command": "sleep 1000 & setsid sleep 1001"}}))
        async with watching(session) as (watch,):
            await watch.until("tool-start")
            tree = await eventually(lambda: hub.commands(session) if len(hub.commands(session)) > 2 else [])
            send_signal(signal.SIGKILL, hub.host(session))
            await watch.until("session-paused", seconds=AT_ONCE_SECONDS)
        assert all(is_running(pid) for pid in tree)
    await hub.kill()
    hub._command = ROOST
    await hub.start()
    assert not any(is_running(pid) for pid in tree)


async def test_a_session_woken_the_moment_it_is_paused_keeps_its_new_host(fire: Fire) -> None:
    """What is cleared away of the dead host must not take the new one with it."""
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session()
        async with watching(session) as (watch,):
            await watch.until("runtime-ready")
            for _ in range(5):
                epoch = (await session.info()).epoch
                accepted = await session.start(script({"bash": {"command": "sleep 1000 & echo up; wait"}}))
                await watch.until("tool-delta", after=accepted.seq)
                send_signal(signal.SIGKILL, hub.host(session))
                paused = await watch.until("session-paused", after=accepted.seq, seconds=AT_ONCE_SECONDS)
                again = await session.send(script(deltas(50, 200)))
                assert again.error is UNSET, again.error
                assert [e.type for e in watch.events[paused.seq : again.seq]].count("runtime-starting") == 1
                assert (await session.info()).epoch == epoch + 2


async def test_a_host_that_is_killed_while_it_places_files_leaves_the_rest_to_the_next_one(fire: Fire) -> None:
    hub = await fire.hub()
    files = {f"{number:03}/{number}": bytes([number]) * 4_000 for number in range(200)}
    async with hub.client() as client:
        for _ in range(3):
            session = await client.create_session(files=files)
            async with watching(session) as (watch,):
                await watch.until("runtime-ready")
                await anyio.sleep(fire.random.uniform(0, 0.15))  # somewhere between the first file and the last
                send_signal(signal.SIGKILL, hub.host(session))
                await watch.until("session-paused", seconds=AT_ONCE_SECONDS)
            result = await session.send(script({"given": True}), delivery="queue")
            said = json.loads(result.text or "")["files"]
            assert said == {path: f"sha256-{sha256(content).hexdigest()}" for path, content in files.items()}


async def test_a_command_that_is_killed_fails_its_tool_and_the_run_goes_on(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script({"bash": {"command": "echo up; sleep 1000"}}, {"text": "on"}))
        async with watching(session) as (watch,):
            await watch.until("tool-delta")
            host = hub.host(session)
            send_signal(signal.SIGKILL, *hub.commands(session))
            failed = await watch.until("tool-error", seconds=AT_ONCE_SECONDS)
            assert isinstance(failed.body, ToolError) and failed.body.error == "killed by signal 9"
            end = await watch.until("run-complete")
            assert hub.host(session) == host
        assert [event.type for event in watch.events[failed.seq : end.seq]].count("text-delta") == 1
        assert list(check_log(watch.events)) == [end.run]


async def test_the_agents_last_child_killed_is_an_exit_code(fire: Fire) -> None:
    """Only the grandchild dies: the shell sees it and tells."""
    hub = await fire.hub()
    async with hub.client() as client:
        task = script({"bash": {"command": "sleep 1000 & echo $!; wait $!"}}, {"text": "on"})
        session = await client.create_session(task=task)
        async with watching(session) as (watch,):
            said = (await watch.until("tool-delta")).body
            assert isinstance(said, ToolDelta)
            send_signal(signal.SIGKILL, int(said.delta))
            failed = await watch.until("tool-error", seconds=AT_ONCE_SECONDS)
            assert isinstance(failed.body, ToolError) and failed.body.error == "exit code 137"
            await watch.until("run-complete")
