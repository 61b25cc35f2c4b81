"""A loop over runs, as whoever uses it sees it: it comes to its goal whatever becomes of the hub, stops when it should,
and is never stuck."""

from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model.errors import LoopEnded, LoopNotFound, LoopRunning
from roost.model.events import LoopUpdated
from roost.model.info import SessionInfo
from roost.testing import HubProcess
from tests.behaviour.conftest import Mark, awake, script, stands, until, until_file


def goal(status: str, **about: Any) -> dict[str, Any]:
    return {"goal": {"status": status, **about}}


def loop_is(status: str) -> Any:
    def holds(info: SessionInfo) -> bool:
        return info.loop is not UNSET and info.loop.status == status

    return holds


async def steps(session: AsyncSession) -> list[tuple[str, int]]:
    """Each change of the loop, in order."""
    events = (await session.read(limit=5000)).events
    return [(event.body.status, event.body.iteration) for event in events if isinstance(event.body, LoopUpdated)]


async def test_a_loop_comes_to_its_goal_whatever_becomes_of_the_hub_in_mid_iteration(
    client: AsyncClient, tmp_path: Path, mark: Mark
) -> None:
    gate = tmp_path / "gate"
    last = script({"text": "three"}, goal("complete", summary="all green"))
    second = script(until_file(gate), goal("continue", summary="one left", next_action=last))
    session = await client.create_session(
        task=script(goal("continue", next_action=second)), loop={"goal": "all green", "max_iterations": 5}
    )
    await until(session, "tool-start")
    await mark()
    assert (await session.loop()).iteration == 2
    gate.touch()
    info = await stands(session, loop_is("completed"))
    assert info.loop is not UNSET
    assert (info.loop.iteration, info.loop.summary, info.run) == (3, "all green", UNSET)
    assert await steps(session) == [("running", 1), ("running", 2), ("running", 3), ("completed", 3)]
    listed = (await client.list_sessions(limit=1)).sessions
    assert [entry.loop for entry in listed] == [info.loop]


async def test_a_host_that_dies_in_an_iteration_pauses_the_loop_and_resuming_it_wakes_the_session(
    client: AsyncClient, mark: Mark
) -> None:
    session = await client.create_session(task=script({"crash": True}), loop={"goal": script(goal("complete"))})
    info = await stands(session, loop_is("paused"))
    assert (info.phase, info.run) == ("paused", UNSET)
    await mark()
    await session.resume_loop()
    await stands(session, loop_is("completed"))
    assert (await steps(session))[-3:] == [("starting", 1), ("running", 2), ("completed", 2)]


async def test_a_run_that_is_aborted_pauses_the_loop_and_one_that_fails_blocks_it(client: AsyncClient) -> None:
    hanging, failing = script({"sleep": 60}), script({"fail": "no such module"})
    session = await client.create_session(task=hanging, loop={"goal": failing, "max_iterations": 9})
    await until(session, "message-start")
    await session.abort()
    await stands(session, loop_is("paused"))
    await session.resume_loop()
    info = await stands(session, loop_is("blocked"))
    assert info.loop is not UNSET
    assert (info.loop.iteration, info.loop.summary) == (2, "no such module")
    with pytest.raises(LoopEnded):
        await session.resume_loop()


async def test_a_loop_that_may_not_go_on_alone_goes_on_while_somebody_watches(client: AsyncClient) -> None:
    loop = {"goal": "say it again", "max_iterations": 2, "allow_detached": False}
    alone = await client.create_session(loop=loop, task="once")
    with anyio.fail_after(30):
        while (await alone.loop()).status in ("starting", "running"):  # noqa: ASYNC110  # who watches lets it go on
            await anyio.sleep(0.02)
    state = await alone.loop()
    assert (state.status, state.iteration, state.summary) == ("awaiting_input", 1, "nobody is attached")
    watched = await client.create_session(loop=loop, task="once")
    with anyio.fail_after(30):
        async with aclosing(watched.events()) as events:
            async for event in events:
                if isinstance(event.body, LoopUpdated) and event.body.status != "running":
                    assert (event.body.status, event.body.iteration) == ("blocked", 2)
                    break


async def test_input_goes_on_with_a_loop_that_waits_and_cancelling_stops_it(client: AsyncClient) -> None:
    session = await client.create_session(task="first", loop={"auto_continue": False, "max_iterations": 9})
    await stands(session, loop_is("awaiting_input"))
    await session.send("this way")
    assert (await stands(session, loop_is("awaiting_input"))).loop is not UNSET
    assert (await session.loop()).iteration == 2
    await session.start(script({"sleep": 60}))
    await session.cancel_loop()
    await session.wait_idle()
    state = await session.loop()
    assert (state.status, state.iteration) == ("cancelled", 3)


async def test_an_update_with_a_loop_wakes_who_sleeps_and_changes_nothing_if_it_is_refused(client: AsyncClient) -> None:
    session = await awake(client)
    with pytest.raises(LoopNotFound):
        await session.update(label="one by one", loop={"action": "resume"})
    assert (await session.info()).label != "one by one"
    await session.pause()
    wanted = {"goal": script(goal("complete")), "max_iterations": 2}
    assert (await session.update(label="together", loop={"action": "start", "loop": wanted})).label == "together"
    await stands(session, loop_is("completed"))


async def test_a_loop_is_started_later_paused_adjusted_and_resumed(client: AsyncClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    session = await awake(client)
    with pytest.raises(LoopNotFound):
        await session.loop()
    await session.start_loop(script(until_file(gate), goal("continue")), max_iterations=9)
    with pytest.raises(LoopRunning):
        await session.start_loop("another")
    await until(session, "tool-start")
    await session.pause_loop()
    gate.touch()
    await session.wait_idle()
    assert (await session.loop()).status == "paused"
    await session.adjust_loop(script(goal("complete")))
    await session.resume_loop()
    info = await stands(session, loop_is("completed"))
    assert info.loop is not UNSET
    assert (info.loop.iteration, info.loop.loop.max_iterations) == (2, 9)


async def test_a_hub_that_ends_between_iterations_goes_on_with_the_next(
    client: AsyncClient, hub: HubProcess, tmp_path: Path
) -> None:
    """Killed while the run goes on, and the run ends while there is no hub."""
    gate = tmp_path / "gate"
    session = await client.create_session(
        task=script(until_file(gate), goal("continue", next_action=script(goal("complete")))), loop={}
    )
    await until(session, "tool-start")
    await hub.kill()
    gate.touch()
    await hub.start()
    await stands(session, loop_is("completed"))
    assert await steps(session) == [("running", 1), ("running", 2), ("completed", 2)]
    told = [message for message in await session.messages() if message.info.role == "user"]
    assert len(told) == 2
