"""What a person must decide, and what a person has decided, survives whatever dies in between."""

import signal

import anyio
import pytest
from msgspec import UNSET

from roost.model.errors import PermissionNotFound
from roost.model.events import PermissionReplied, RunAborted, RunError
from tests.fire.hubs import Fire
from tests.fire.processes import gone, send_signal
from tests.fire.watch import check_log, deltas, script, watching, whole_log

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

ASK = {"ask": {"permission": "write", "patterns": ["*"]}}


async def test_a_permission_asked_before_a_hub_died_is_answered_after_it_and_the_run_goes_on(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script(ASK, {"text": "done"}))
        async with watching(session) as (watch,):
            await watch.until("permission-asked")
            await hub.restart()
            (pending,) = await session.pending()
            accepted = await session.reply_to_permission(pending.request, "once")
            end = await watch.until("run-complete")
            assert accepted.run == end.run
            with pytest.raises(PermissionNotFound):
                await session.reply_to_permission(pending.request, "reject")
        assert watch.types().count("permission-replied") == 1
        check_log(watch.events)


async def test_an_answer_given_the_moment_a_hub_dies_counts_once_or_is_still_open(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script(*[ASK] * 3, {"text": "done"}))
        async with watching(session) as (watch,):
            seq = 0
            for number in range(3):
                seq = (await watch.until("permission-asked", after=seq)).seq
                (pending,) = await session.pending()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(session.reply_to_permission, pending.request, "once")
                    await anyio.sleep(number * 0.003)  # the instant is the point
                    await hub.restart()
            end = await watch.until("run-complete")
        assert watch.types().count("permission-replied") == 3
        assert list(check_log(watch.events)) == [end.run]


async def test_a_question_asked_before_a_hub_died_is_answered_after_it(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script({"question": "which?"}))
        async with watching(session) as (watch,):
            await watch.until("question-asked")
            await hub.restart()
            (pending,) = await session.pending()
            await session.answer_question(pending.request, [["this one"]])
            end = await watch.until("run-complete")
        result = await session.result(end.run) if end.run is not UNSET else None
        assert result is not None and result.text == "answered: this one"


async def test_a_permission_of_a_killed_host_is_settled_as_interrupted(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script(ASK))
        async with watching(session) as (watch,):
            asked = await watch.until("permission-asked")
            send_signal(signal.SIGKILL, hub.host(session))
            settled = await watch.until("permission-replied", after=asked.seq)
            assert isinstance(settled.body, PermissionReplied) and settled.body.reply == "interrupted"
            await watch.until("session-paused")
        assert await session.pending() == ()
        check_log(watch.events)


async def test_an_abort_accepted_by_a_hub_that_died_then_is_carried_out_by_the_next(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script({"bash": {"command": "echo up; sleep 1000"}}))
        async with watching(session) as (watch,):
            await watch.until("tool-delta")
            command = hub.commands(session)
            await session.abort(wait=False)
            await hub.restart()
            end = await watch.end_of(watch.events[2].run)
            assert isinstance(end.body, RunAborted)
            await gone(*command)
        assert list(check_log(watch.events)) == [end.run]
        assert (await session.info()).status == "idle"


async def test_a_run_aborted_while_its_host_is_out_of_reach_ends_as_aborted(fire: Fire) -> None:
    hub = await fire.hub(grace_seconds=1, link_lost_after_seconds=1, link_heartbeat_seconds=0.2)
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(100_000, 100)))
        async with watching(session) as (watch,):
            await watch.deltas(10)
            host = hub.host(session)
            send_signal(signal.SIGSTOP, host)
            await session.abort(wait=False)
            end = await watch.until("run-aborted", seconds=10)
            await watch.until("session-paused", after=end.seq)
            send_signal(signal.SIGCONT, host)
            await gone(host)
        assert list(check_log(watch.events)) == [end.run]


async def test_a_hub_killed_while_the_host_is_dead_too_interrupts_the_run_once(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(100_000, 100)))
        async with watching(session) as (watch,):
            await watch.deltas(10)
            host = hub.host(session)
            await hub.kill()
            send_signal(signal.SIGKILL, host)
            await gone(host)
            await hub.start()
            end = await watch.until("run-error")
            assert isinstance(end.body, RunError) and end.body.error.code == "interrupted"
            await watch.until("session-paused", after=end.seq)
            await hub.restart()
        log = await whole_log(session)
        assert list(check_log(log)) == [end.run]
        assert log[-1].type == "session-paused"
