"""What has happened in a session, newest first and in pages, with ids that rise."""

from itertools import pairwise
from typing import Any

import pytest

from roost.api.coder.history import DEFAULT_EVENTS, MAX_EVENTS
from roost.core.session import Session
from roost.model import commands as c
from roost.model import events as e
from roost.model.ids import MessageId, PartId, TaskId
from tests.api.coder.asking import ask
from tests.api.coder.watching import MESSAGE, speak, words
from tests.api.served import Served

pytestmark = pytest.mark.anyio
ROOST = e.Principal(user="roost", kind="service")
ANN = e.Principal(user="ann")


async def history(hub: Served, session: Session, **params: Any) -> Any:
    return await ask(hub, "GET", f"/session/{session.id}/events/history", **params)


async def told(hub: Served) -> Session:
    """A session with a run: reasoning, tools, a sub-agent, many deltas."""
    session = await hub.live(task="hello", label="greeting")
    tool: dict[str, Any] = {"message": MESSAGE, "part": PartId("part_2"), "call": "call_1"}
    await speak(
        hub, session,
        e.ReasoningDelta(message=MESSAGE, part=PartId("part_0"), delta="hm"), *words("I ", "see", " it"),
        e.ToolStart(**tool, tool="bash", input={"command": "ls"}), e.ToolDelta(**tool, delta="a\n"),
        e.ToolComplete(**tool, metadata={"exit": 0}),
        e.SubtaskStart(task=TaskId("t1"), agent="scout", prompt="look"), *words("x", "y", task="t1"),
        e.SubtaskEnd(task=TaskId("t1"), result="done"),
        e.MessageDone(message=MESSAGE), e.RunComplete(result=e.RunResult(text="I see it", message=MESSAGE)),
    )  # fmt: skip
    await session.handle(c.Update(label="renamed"), ROOST)
    return session


async def test_a_history_tells_what_has_happened_newest_first(hub: Served) -> None:
    session = await told(hub)
    answer = await history(hub, session)
    events = answer["events"]
    assert [event["event"] for event in reversed(events)] == [
        "session_start", "user_prompt", "agent_start", "turn_start", "rpc_ready", "tool_call", "tool_execution_start",
        "tool_execution_end", "tool_result", "task_start", "task_complete", "message_end", "turn_end", "agent_end",
        "session_label_updated",
    ]  # fmt: skip
    assert (answer["total"], answer["limit"], answer["offset"]) == (len(events), DEFAULT_EVENTS, 0)
    assert all(later["id"] > earlier["id"] for later, earlier in pairwise(events))
    by_name = {event["event"]: event for event in events}
    assert by_name["message_end"]["payload"]["message"]["content"][1] == {"type": "text", "text": "I see it"}
    result = by_name["tool_result"]["payload"]
    assert (result["name"], result["args"], result["content"][0]["text"]) == ("bash", {"command": "ls"}, "a\n")
    assert by_name["task_start"]["taskId"] == "t1" and by_name["task_start"]["agent"] == "scout"
    ended = by_name["task_complete"]["payload"]
    assert (ended["agent"], ended["result"]) == ("scout", "done") and ended["duration"] >= 0
    assert by_name["user_prompt"]["payload"]["content"] == "hello"
    assert all(event["occurredAt"].endswith("Z") and event["category"] for event in events)


async def test_ids_are_seq_times_sixteen_and_a_little(hub: Served) -> None:
    session = await told(hub)
    log = (await hub.http.get(f"/v1/sessions/{session.id}/events", params={"limit": 500})).json()["events"]
    types = {event["seq"]: event["body"]["type"] for event in log}
    ids = {event["event"]: event["id"] for event in (await history(hub, session))["events"]}
    assert types[ids["agent_start"] // 16] == types[ids["turn_start"] // 16] == "run-start"
    assert ids["turn_start"] - ids["agent_start"] == 1
    assert types[ids["message_end"] // 16] == "message-done"


@pytest.mark.parametrize("limit", [1, 4, 100])
async def test_pages_join_without_a_gap_by_offset_and_by_id(hub: Served, limit: int) -> None:
    session = await told(hub)
    whole = [event["id"] for event in (await history(hub, session))["events"]]
    by_offset: list[int] = []
    while len(by_offset) < (page := await history(hub, session, limit=limit, offset=len(by_offset)))["total"]:
        by_offset += [event["id"] for event in page["events"]]
    by_id = [event["id"] for event in (await history(hub, session, limit=limit))["events"]]
    while page := (await history(hub, session, limit=limit, beforeId=by_id[-1]))["events"]:
        by_id += [event["id"] for event in page]
    assert by_offset == by_id == whole


async def test_of_a_tool_that_failed_a_history_tells_what_it_printed_and_why(hub: Served) -> None:
    session = await hub.live(task="hello")
    tool: dict[str, Any] = {"message": MESSAGE, "part": PartId("part_2"), "call": "call_1"}
    begun, printed = e.ToolStart(**tool, tool="bash", input={"command": "make"}), e.ToolDelta(**tool, delta="no rule\n")
    await speak(hub, session, begun, printed, e.ToolError(**tool, error="exit code 2"))
    by_name = {event["event"]: event["payload"] for event in (await history(hub, session))["events"]}
    assert by_name["tool_execution_end"]["result"]["content"] == [{"type": "text", "text": "no rule\nexit code 2"}]
    assert by_name["tool_result"]["isError"] is True


async def test_a_history_grows_with_its_log(hub: Served) -> None:
    session = await hub.live()
    before = (await history(hub, session))["total"]
    await session.handle(c.Send(text="go"), ROOST)
    await speak(hub, session, *words(*("x" for _ in range(300))), e.MessageDone(message=MessageId("msg_1")))
    after = await history(hub, session, limit=1)
    assert after["total"] == before + 4  # user_prompt, agent_start, turn_start, message_end
    assert after["events"][0]["payload"]["message"]["content"] == [{"type": "text", "text": "x" * 300}]


async def test_a_history_tells_what_has_become_of_a_loop(hub: Served) -> None:
    session = await hub.live()
    for change in (
        c.ChangeLoop(action="start", loop=c.LoopRequest(goal="green", max_iterations=3)),
        c.ChangeLoop(action="pause"),
        c.ChangeLoop(action="adjust", loop=c.LoopRequest(max_iterations=4)),
        c.ChangeLoop(action="resume"),
        c.ChangeLoop(action="cancel"),
    ):
        await session.handle(change, ANN)
    events = (await history(hub, session))["events"]
    told = [event["event"] for event in reversed(events) if event["event"].startswith("loop_")]
    assert [name for name in told if name != "loop_state_updated"] == [
        "loop_started", "loop_paused", "loop_resumed", "loop_cancelled",
    ]  # fmt: skip
    assert told.count("loop_state_updated") == 6  # all four, the first iteration, and the adjustment
    started = next(event["payload"]["loop"] for event in events if event["event"] == "loop_started")
    assert (started["goal"], started["maxIterations"], started["autoContinue"]) == ("green", 3, True)


async def test_past_the_end_there_is_nothing_and_no_error(hub: Served) -> None:
    session = await hub.live()
    assert (await history(hub, session, offset=10_000))["events"] == []
    assert (await history(hub, session, beforeId=0))["events"] == []
    assert (await history(hub, session, limit=0))["events"] == []
    assert (await history(hub, session, limit=MAX_EVENTS + 1))["limit"] == MAX_EVENTS
    await ask(hub, "GET", f"/session/{session.id}/events/history", status=400, limit=-1)
    await ask(hub, "GET", "/session/codesess_0123456789ab/events/history", status=404)


async def test_what_the_log_has_forgotten_is_no_history(hub: Served) -> None:
    session = await told(hub)
    await hub.store.trim(session.id, before=session.seq)
    answer = await history(hub, session)
    assert (answer["total"], answer["events"][0]["event"]) == (1, "session_label_updated")
