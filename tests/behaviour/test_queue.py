"""Input beside the open run: what joins it, what waits for its turn, and what becomes of both."""

from pathlib import Path

import anyio
import pytest
from msgspec import UNSET

from roost.client import AsyncClient
from roost.model.errors import MessageNotFound, QueueFull, RunNotFound, SessionArchived, SessionBusy
from roost.model.events import Dequeued, Queued, RunAborted, RunComplete, RunStart, Steered, TextInput
from roost.model.record import Queued as Waiting
from tests.behaviour.conftest import Mark, awake, said, script, stands, types, until, until_file


def texts(waiting: tuple[Waiting, ...]) -> list[str]:
    return [part.text for entry in waiting for part in entry.input if isinstance(part, TextInput)]


async def test_steering_joins_the_open_run_and_the_agent_says_what_it_got(
    client: AsyncClient, tmp_path: Path, mark: Mark
) -> None:
    gate = tmp_path / "gate"
    session = await awake(client)
    accepted = await session.start(script(until_file(gate), {"text": "last"}))
    await until(session, "tool-start")
    steered = await session.steer("left, please")
    assert steered.run == accepted.run
    await mark()
    with anyio.fail_after(30):
        while not (await session.info()).view.control_available:  # noqa: ASYNC110  # a link is no event
            await anyio.sleep(0.01)
    await session.shell("true")  # the host answers in order: it has read what was steered
    gate.touch()
    assert accepted.run is not UNSET
    result = await session.result(accepted.run)
    assert result.error is UNSET
    assert sorted((await said(session))[-2:]) == ["assistant: left, pleaselast", "user: left, please"]
    assert (await session.info()).queued == 0


async def test_without_a_run_steering_is_a_prompt_and_a_queued_input_starts_at_once(client: AsyncClient) -> None:
    session = await awake(client)
    for delivery in ("steer", "queue"):
        result = await session.send("hello", delivery=delivery)
        assert result.text == "hello"
    assert "queued" not in await types(session)


async def test_what_a_run_did_not_read_is_first_in_the_queue_and_gets_a_run_of_its_own(
    client: AsyncClient, mark: Mark
) -> None:
    session = await awake(client)
    await session.start(script({"text": "deaf"}, {"hang": True}))
    await until(session, "text-delta")  # before that it would listen to what joins it
    await session.queue("second")
    await session.steer("first")
    await mark()
    await session.abort()
    assert texts(await session.queued()) == ["first", "second"]
    await session.resume()
    await stands(session, lambda info: info.queued == 0 and info.run is UNSET)
    lines = await said(session)
    assert [line for line in lines if line.startswith("assistant: ")][-2:] == ["assistant: first", "assistant: second"]
    assert sorted(line for line in lines[1:] if line.startswith("user: ")) == ["user: first", "user: second"]


async def test_the_queue_goes_on_in_order_over_completed_and_failed_runs(
    client: AsyncClient, tmp_path: Path, mark: Mark
) -> None:
    gate = tmp_path / "gate"
    session = await awake(client)
    await session.start(script(until_file(gate)))
    await session.queue(script({"text": "one"}, {"fail": "broken"}))
    await session.queue("two")
    assert len(await session.queued()) == 2
    assert (await session.info()).queued == 2
    await mark()
    assert texts(await session.queued())[1] == "two"
    assert [len(entry.input) for entry in (await session.snapshot()).record.queue] == [1, 1]
    gate.touch()
    await stands(session, lambda info: info.queued == 0 and info.status == "idle")
    ends = [kind for kind in await types(session) if kind in ("run-complete", "run-error", "run-aborted")]
    assert ends == ["run-complete", "run-error", "run-complete"]
    assert [line for line in await said(session) if line.startswith("assistant: ")][-2:] == [
        "assistant: one",
        "assistant: two",
    ]


@pytest.mark.parametrize("held_by", ["an abort", "a pause"])
async def test_the_queue_is_held_after_an_abort_and_a_pause_until_the_session_is_resumed(
    client: AsyncClient, held_by: str, mark: Mark
) -> None:
    session = await awake(client)
    await session.start(script({"hang": True}))
    for text in ("one", "two"):
        await session.queue(text)
    await (session.abort() if held_by == "an abort" else session.pause())
    await mark()
    info = await session.info()
    assert (info.queued, info.queue_held) == (2, True)
    assert texts(await session.queued()) == ["one", "two"]
    await session.resume()
    await stands(session, lambda info: info.queued == 0 and info.status == "idle" and info.run is UNSET)
    assert (await said(session))[-4:] == ["user: one", "assistant: one", "user: two", "assistant: two"]


async def test_a_held_queue_goes_on_when_the_next_run_completes(client: AsyncClient, mark: Mark) -> None:
    session = await awake(client)
    await session.start(script({"hang": True}))
    await session.queue("later")
    await session.abort()
    await mark()
    result = await session.send("now")
    assert result.text == "now"
    await stands(session, lambda info: info.queued == 0 and info.run is UNSET)
    assert (await said(session))[-1] == "assistant: later"


async def test_a_queue_that_was_empty_at_an_abort_holds_nothing(client: AsyncClient, tmp_path: Path) -> None:
    session = await awake(client)
    await session.start(script({"hang": True}))
    await session.abort()
    gate = tmp_path / "gate"
    await session.start(script(until_file(gate), {"fail": "broken"}))
    await session.queue("next")
    gate.touch()
    await stands(session, lambda info: info.queued == 0 and info.run is UNSET)
    assert (await said(session))[-1] == "assistant: next"


async def test_an_input_is_taken_off_the_queue_once(client: AsyncClient, mark: Mark) -> None:
    session = await awake(client)
    await session.start(script({"hang": True}))
    for text in ("one", "two", "three"):
        await session.queue(text)
    _, two, _ = await session.queued()
    await mark()
    await session.unqueue(two.message)
    with pytest.raises(MessageNotFound):
        await session.unqueue(two.message)
    assert texts(await session.queued()) == ["one", "three"]
    await session.archive()


async def test_whoever_waits_for_an_input_is_told_that_it_was_given_up(client: AsyncClient) -> None:
    session = await awake(client)
    await session.start(script({"hang": True}))

    async def send() -> None:
        with pytest.raises(RunNotFound):
            await session.send("never", delivery="queue")

    for end in ("unqueue", "archive"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            await stands(session, lambda info: info.queued == 1)
            if end == "archive":
                await session.archive()
            else:
                await session.unqueue((await session.queued())[0].message)


async def test_a_hundred_inputs_wait_and_no_more(client: AsyncClient, mark: Mark) -> None:
    session = await awake(client)
    await session.start(script({"hang": True}))
    for number in range(100):
        await session.queue(f"{number}")
    with pytest.raises(QueueFull) as refused:
        await session.queue("one too many")
    assert refused.value.details["limit"] == 100
    await mark()
    assert texts(await session.queued()) == [str(number) for number in range(100)]
    await session.archive()
    assert await session.queued() == ()
    with pytest.raises(SessionArchived):
        await session.queue("too late")


async def test_one_key_queues_one_input(client: AsyncClient, mark: Mark) -> None:
    session = await awake(client)
    await session.start(script({"hang": True}))
    first = await session.queue("once", key=f"key of {session.id}")
    await mark()
    assert await session.queue("once", key=f"key of {session.id}") == first
    assert texts(await session.queued()) == ["once"]
    await session.archive()


async def test_a_prompt_while_a_run_is_open_is_refused_and_changes_nothing(client: AsyncClient) -> None:
    session = await awake(client)
    accepted = await session.start(script({"hang": True}))
    with pytest.raises(SessionBusy) as busy:
        await session.start("and now this")
    assert busy.value.details["run"] == accepted.run
    assert (await session.info()).queued == 0
    await session.archive()


async def test_a_host_that_dies_gives_back_what_it_was_told_and_the_queue_waits(
    client: AsyncClient, mark: Mark
) -> None:
    session = await awake(client)
    await session.start(script({"sleep": 0.2}, {"crash": True}))
    await session.steer("said to a dying run")
    await session.queue("behind it")
    await until(session, "session-paused")
    await mark()
    info = await session.info()
    assert (info.phase, info.queue_held) == ("paused", True)
    # the sleep step may have been over before the steer: read or not, it is said once
    assert texts(await session.queued())[-1] == "behind it"
    await session.resume()
    await stands(session, lambda info: info.queued == 0 and info.run is UNSET and info.phase == "active")
    assert (await said(session)).count("user: said to a dying run") == 1
    assert (await said(session))[-1] == "assistant: behind it"


async def test_the_log_tells_how_an_input_was_delivered(client: AsyncClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    session = await awake(client)
    await session.start(script(until_file(gate)))
    await session.steer("a")
    await session.queue("b")
    await session.shell("true")  # the host answers in order: it has read what was steered
    gate.touch()
    await stands(session, lambda info: info.queued == 0 and info.run is UNSET)
    kinds = (RunStart, Steered, Queued, Dequeued, RunComplete, RunAborted)
    events = [event for event in (await session.read(limit=5000)).events if isinstance(event.body, kinds)]
    assert [event.type for event in events] == [
        "run-start", "steered", "queued", "run-complete", "dequeued", "run-start", "run-complete",
    ]  # fmt: skip
    assert isinstance(events[5].body, RunStart) and events[5].body.delivery == "queue"
    asked = [event for event in events if event.type in ("steered", "queued")] + [events[0], events[5]]
    assert {event.by.user for event in asked if event.by is not UNSET} == {(await session.info()).owner.user}
