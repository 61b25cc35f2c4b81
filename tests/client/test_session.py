"""The handle of a session against a real hub, a real host and the scripted agent."""

import json
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from roost.client import AsyncClient, AsyncSession
from roost.model.errors import (
    AgentUnknown,
    CursorAhead,
    IdempotencyMismatch,
    PermissionNotFound,
    RunNotFound,
    SessionArchived,
    SessionBusy,
    SessionNotFound,
)
from roost.model.events import PermissionAsked, QuestionAsked, TextInput
from roost.model.snapshot import Fold
from roost.testing import RunningHub, take

T = TypeVar("T")


def script(*steps: dict[str, object]) -> str:
    return "script: " + json.dumps(steps)


SLOW = script({"deltas": {"count": 400, "bytes": 10, "per_second": 20}})
ASK = script({"ask": {"permission": "bash", "patterns": ["make"]}}, {"text": "went on"})


async def idle(client: AsyncClient) -> AsyncSession:
    session = await client.create_session()
    with anyio.fail_after(20):
        await session.wait_idle()
    return session


async def within(waiting: Awaitable[T], seconds: float = 30) -> T:
    with anyio.fail_after(seconds):
        return await waiting


async def until(session: AsyncSession, kind: str) -> int:
    """The seq of the next event of this kind."""
    with anyio.fail_after(20):
        return [event.seq async for event in session.events(until=kind)][-1]


async def test_send_gives_the_text_of_its_run(client: AsyncClient) -> None:
    session = await idle(client)
    with anyio.fail_after(20):
        result = await session.send(script({"text": "one"}, {"usage": {"input": 10, "output": 5, "cost": 0.25}}))
    assert result.text == "one"
    assert not result.error
    assert result.message_id == (await session.messages())[-1].info.id
    assert result.parts == (await session.messages())[-1].parts
    assert (result.tokens.input, result.tokens.output, result.cost) == (10, 5, 0.25)
    assert result.seq == (await session.info()).last_run.end  # pyright: ignore[reportAttributeAccessIssue]


async def test_send_takes_parts(client: AsyncClient) -> None:
    session = await idle(client)
    with anyio.fail_after(20):
        assert (await session.send([TextInput(text="as a part")])).text == "as a part"


async def test_a_run_that_fails_is_a_result_with_an_error(client: AsyncClient) -> None:
    session = await idle(client)
    with anyio.fail_after(20):
        result = await session.send(script({"text": "before"}, {"fail": "broken on purpose"}))
    assert result.error
    assert "broken on purpose" in result.error.message
    assert result.text == "before"


async def test_a_run_that_is_aborted_is_a_result_with_an_error(client: AsyncClient) -> None:
    session = await idle(client)
    async with anyio.create_task_group() as tasks:

        async def abort() -> None:
            await until(session, "text-delta")
            await session.abort(reason="enough")

        tasks.start_soon(abort)
        result = await within(session.send(SLOW))
        assert result.error
        assert result.error.code == "aborted"
    assert (await session.info()).status == "idle"


async def test_stream_goes_from_the_input_to_the_end_of_its_run(client: AsyncClient) -> None:
    session = await idle(client)
    with anyio.fail_after(20):
        kinds = [event.type async for event in session.stream("hello")]
    assert kinds[0] == "run-start"
    assert kinds[-1] == "run-complete"
    assert kinds.count("run-complete") == 1


async def test_input_while_a_run_is_open(client: AsyncClient) -> None:
    session = await client.create_session(task=SLOW)
    await until(session, "text-delta")
    with pytest.raises(SessionBusy):
        await session.start("now")
    queued = await session.start("later", delivery="queue")
    assert not queued.run
    steered = await session.start("also this", delivery="steer")
    assert steered.run == (await session.info()).run.run  # pyright: ignore[reportAttributeAccessIssue]
    await session.abort()


async def test_a_queued_input_is_waited_for(client: AsyncClient) -> None:
    session = await client.create_session(task=script({"deltas": {"count": 20, "bytes": 10, "per_second": 20}}))
    await until(session, "text-delta")
    with anyio.fail_after(30):
        assert (await session.send("after that", delivery="queue")).text == "after that"
        assert (await session.wait_idle()).queued == 0


async def test_a_queued_input_that_is_given_up_says_so(client: AsyncClient) -> None:
    session = await client.create_session(task=SLOW)
    await until(session, "text-delta")
    async with anyio.create_task_group() as tasks:

        async def archive() -> None:
            await until(session, "queued")
            await session.archive()

        tasks.start_soon(archive)
        with pytest.raises(RunNotFound):
            await within(session.send("never", delivery="queue"))


async def test_a_queued_input_streams_what_comes_before_it_too(client: AsyncClient) -> None:
    session = await client.create_session(task=script({"deltas": {"count": 20, "bytes": 10, "per_second": 20}}))
    await until(session, "text-delta")
    with anyio.fail_after(30):
        kinds = [event.type async for event in session.stream("after that", delivery="queue")]
    assert kinds[0] == "queued"
    assert [kind for kind in kinds if kind.startswith("run-")] == ["run-complete", "run-start", "run-complete"]


async def test_a_permission_is_answered_once(client: AsyncClient) -> None:
    session = await client.create_session(task=ASK)
    await until(session, "permission-asked")
    (entry,) = await session.pending()
    assert isinstance(entry.asked, PermissionAsked)
    assert (entry.asked.permission, entry.asked.patterns) == ("bash", ("make",))
    await session.reply_to_permission(entry.request, "once")
    with pytest.raises(PermissionNotFound):
        await session.reply_to_permission(entry.request, "reject")
    await until(session, "run-complete")
    assert await session.pending() == ()


async def test_a_rejection_without_a_message_stops_the_run(client: AsyncClient) -> None:
    session = await client.create_session(task=ASK)
    await until(session, "permission-asked")
    await session.reply_to_permission((await session.pending())[0].request, "reject")
    await until(session, "run-aborted")


async def test_questions_are_answered_or_rejected(client: AsyncClient) -> None:
    asks = script({"question": {"question": "Which?", "options": [{"label": "Red"}]}})
    session = await client.create_session(task=asks)
    await until(session, "question-asked")
    (entry,) = await session.pending()
    assert isinstance(entry.asked, QuestionAsked)
    await session.answer_question(entry.request, [["Red"]])
    await until(session, "run-complete")
    seq = (await session.start(asks)).seq
    with anyio.fail_after(20):
        asked = [e async for e in session.events(after=seq, until="question-asked")][-1]
    assert isinstance(asked.body, QuestionAsked)
    await session.reject_question(asked.body.request)
    with anyio.fail_after(20):
        await session.wait_idle()


async def test_pause_and_resume(client: AsyncClient) -> None:
    session = await idle(client)
    await session.pause()
    await until(session, "session-paused")
    assert (await session.info()).phase == "paused"
    await session.resume()
    with anyio.fail_after(20):
        assert (await session.wait_idle()).phase == "active"


async def test_an_archived_session_is_history(client: AsyncClient) -> None:
    session = await idle(client)
    await session.archive()
    await session.archive()
    assert (await session.info()).phase == "archived"
    with pytest.raises(SessionArchived):
        await session.start("more")
    assert (await session.messages()) == ()


async def test_update_and_list(client: AsyncClient) -> None:
    session = await idle(client)
    info = await session.update(label="named", tags=["a"], metadata={"x": 1}, hidden=True)
    assert (info.label, info.tags, info.hidden) == ("named", ("a",), True)
    assert session.id not in [s.session for s in (await client.list_sessions()).sessions]
    listed = await client.list_sessions(hidden=True, order="updated", phase="active", agent="scripted")
    assert listed.sessions[0].session == session.id
    assert (await client.list_sessions(hidden=True, limit=1, offset=1)).total >= 1
    assert (await client.get_session(session.id.removeprefix("codesess_"))).label == "named"


async def test_a_deleted_session_is_gone_and_its_streams_end(client: AsyncClient) -> None:
    session = await idle(client)
    events = session.events()
    await anext(events)
    await session.delete()
    with anyio.fail_after(20), pytest.raises(SessionNotFound):
        _ = [event async for event in events]
    with pytest.raises(SessionNotFound):
        await client.get_session(session.id)


async def test_old_snapshot_plus_tail_is_the_new_snapshot(client: AsyncClient) -> None:
    session = await idle(client)
    old = await session.snapshot()
    await session.start(
        script({"text": "a"}, {"bash": {"command": "echo b"}}, {"todos": [{"id": "1", "content": "c"}]})
    )
    fold = Fold.from_snapshot(old, storing=False)
    with anyio.fail_after(20):
        async for event in session.events(after=old.seq, until="run-complete"):
            fold.apply(event)
    assert fold.snapshot() == await session.snapshot()


async def test_pages_of_events_and_messages(client: AsyncClient) -> None:
    session = await idle(client)
    for text in ("one", "two", "three"):
        with anyio.fail_after(20):
            await session.send(text)
    page = await session.read(after=2, limit=3)
    assert [event.seq for event in page.events] == [3, 4, 5]
    assert page.head == (await session.info()).seq
    messages = await session.messages(limit=2)
    assert [message.text for message in messages] == ["three", "three"]
    assert [m.text for m in await session.messages(before=messages[0].info.first, limit=2)] == ["two", "two"]
    with pytest.raises(CursorAhead):
        await session.read(after=10_000)


async def test_the_same_key_makes_one_run(client: AsyncClient) -> None:
    session = await idle(client)
    first = await session.start("once", key="mine-1")
    assert await session.start("once", key="mine-1") == first
    with pytest.raises(IdempotencyMismatch):
        await session.start("other", key="mine-1")


async def test_the_same_key_makes_one_session(client: AsyncClient) -> None:
    one = await client.create_session(label="one", key="create-1")
    assert (await client.create_session(label="one", key="create-1")).id == one.id


async def test_the_feed_tells_every_fact_and_no_delta(client: AsyncClient) -> None:
    head = (await client.read_feed("now")).head
    session = await client.create_session(task="hello")
    wanted = ["session-created", "runtime-starting", "run-start", "runtime-ready"]
    entries = await take(client.feed(head), len(wanted))
    assert [entry.event.type for entry in entries if entry.event] == wanted
    await until(session, "run-complete")
    seen = [e.event.type for e in (await client.read_feed(head)).entries if e.session == session.id and e.event]
    assert "text-delta" not in seen
    assert seen[-1] == "run-complete"


async def test_what_a_hub_can_run(client: AsyncClient) -> None:
    assert "scripted" in [agent.name for agent in await client.agents() if agent.default]
    with pytest.raises(AgentUnknown):
        await client.create_session(agent="nobody")
    assert (await client.health()).status == "ok"
    assert await client.ready()


async def test_a_named_folder_is_worked_in(client: AsyncClient, tmp_path: Path) -> None:
    session = await client.create_session(
        workspace=tmp_path, task=script({"write": {"path": "made.txt", "content": "hi"}})
    )
    await until(session, "run-complete")
    assert (tmp_path / "made.txt").read_text() == "hi"


async def test_a_wrong_id_shows_at_the_first_call(client: AsyncClient) -> None:
    with pytest.raises(SessionNotFound):
        await client.session("000000000000").info()
    with pytest.raises(SessionNotFound):
        client.session("a/b")


async def test_the_end_of_a_run_can_be_waited_for_later(client: AsyncClient) -> None:
    session = await idle(client)
    accepted = await session.start("hello")
    assert accepted.run
    await until(session, "run-complete")
    with anyio.fail_after(20):
        assert (await session.result(accepted.run)).text == "hello"


async def test_a_hub_that_restarts_is_not_noticed(hub: RunningHub, client: AsyncClient) -> None:
    session = await client.create_session(task=script({"deltas": {"count": 60, "bytes": 10, "per_second": 40}}))
    await until(session, "text-delta")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hub.restart)
        info = await within(session.wait_idle())
        assert info.last_run
        assert info.last_run.status == "completed"
