"""What is known of one session over the Coder wire: its conversation, who is here, its loop, its plan."""

from typing import Any

import pytest
from msgspec import UNSET

from roost.core.decisions import HUB
from roost.core.session import Session
from roost.model import events as e
from roost.model.envelope import draft
from roost.model.ids import MessageId, PartId, TaskId
from roost.model.tasks import MAX_SAID_CHARS, MAX_TASKS
from tests.api.coder.asking import ask, create
from tests.api.coder.watching import streaming
from tests.api.served import Served

pytestmark = pytest.mark.anyio
M, T = MessageId("msg_1"), TaskId("task_1")


async def live(hub: Served, **body: Any) -> Session:
    """A session whose host has come, in its first run."""
    session = await hub.hub.find((await create(hub, **body))["sessionId"], HUB)
    await hub.come(session)
    return session


async def say(hub: Served, session: Session, *bodies: e.Body) -> None:
    """Within the open run."""
    run = session.record_now.run
    assert run is not UNSET
    await hub.say(session, [draft(body, run=run.run) for body in bodies])


def part(number: int) -> PartId:
    return PartId(f"part_{number}")


SAID: list[e.Body] = [
    e.MessageStart(message=M, agent="scripted", model="m-1"),
    e.ReasoningDelta(message=M, part=part(1), delta="let me "),
    e.ReasoningDelta(message=M, part=part(1), delta="see"),
    e.PartDone(message=M, part=part(1)),
    e.TextDelta(message=M, part=part(2), delta="I look."),
    e.PartDone(message=M, part=part(2)),
    e.ToolStart(message=M, part=part(3), call="call_1", tool="bash", input={"command": "ls"}),
    e.ToolComplete(message=M, part=part(3), call="call_1", output="a b"),
    e.ToolStart(message=M, part=part(4), call="call_2", tool="read", input="notes"),
    e.ToolDelta(message=M, part=part(4), call="call_2", delta="looking\n"),
    e.ToolError(message=M, part=part(4), call="call_2", error="no such file"),
    e.SubtaskStart(task=T, agent="scout", prompt="find it"),
    e.TextDelta(message=MessageId("msg_2"), task=T, part=part(1), delta="here"),
    e.PartDone(message=MessageId("msg_2"), task=T, part=part(1)),
    e.MessageDone(message=MessageId("msg_2"), task=T),
    e.SubtaskEnd(task=T, result="found"),
    e.MessageDone(message=M),
    e.TextDelta(message=MessageId("msg_3"), part=part(1), delta="So f"),
]
"""All kinds of things, the last of them still being said."""
TOLD = [
    ("user_prompt", "look around"),
    ("thinking", "let me see"),
    ("message", "I look."),
    ("tool_call", None),
    ("tool_result", "a b"),
    ("tool_call", None),
    ("tool_result", "looking\nno such file"),
    ("message", "here"),
    ("task_result", "found"),
    ("message", "So f"),
]


async def test_a_replay_tells_all_that_was_said_in_order_also_what_is_being_said(hub: Served) -> None:
    session = await live(hub, task="look around")
    await say(hub, session, *SAID)
    told = await ask(hub, "GET", f"/session/{session.id}/replay")
    entries = told["entries"]
    assert sorted((entry["type"], entry.get("content")) for entry in entries) == sorted(TOLD, key=str)
    assert (told["entriesSource"], told["sourceCounts"]["sessionEntries"]) == ("session_entries", len(TOLD))
    assert [entry["timestamp"] for entry in entries] == sorted(entry["timestamp"] for entry in entries)
    assert entries[0]["author"] == {"userId": "owner", "actorType": "api_key"}
    by_call = {entry["toolCallId"]: entry for entry in entries if entry["type"] == "tool_call"}
    assert [(c["toolName"], c["toolArgs"]) for c in by_call.values()] == [
        ("bash", {"command": "ls"}), ("read", {"input": "notes"}),
    ]  # fmt: skip
    results = {entry["toolCallId"]: entry["isError"] for entry in entries if entry["type"] == "tool_result"}
    assert results == {"call_1": False, "call_2": True}
    assert {(e["agent"], e.get("taskId")) for e in entries[1:]} == {("scripted", None), ("scout", T)}
    run = session.record_now.run
    assert run is not UNSET
    assert {entry["turnId"] for entry in entries} == {run.run}


async def test_a_replay_is_paged_from_the_oldest_and_stays_when_the_session_is_archived(hub: Served) -> None:
    session = await live(hub, task="look around")
    path = f"/session/{session.id}/replay"
    await say(hub, session, *SAID[:-1], e.RunComplete())
    whole = (await ask(hub, "GET", path))["entries"]
    pages = [(await ask(hub, "GET", path, offset=at, limit=4))["entries"] for at in (0, 4, 8, 99)]
    assert [len(page) for page in pages] == [4, 4, 1, 0]
    assert [entry for page in pages for entry in page] == whole
    assert (await ask(hub, "GET", path, limit=0))["entries"] == []
    await ask(hub, "POST", f"/session/{session.id}/archive")
    assert (await ask(hub, "GET", path))["entries"] == whole


async def test_a_replay_reads_more_messages_than_one_page_of_the_store(
    hub: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roost.api.coder.entries.PAGE", 2)
    session = await live(hub, task="0")
    for number in range(1, 6):
        await say(hub, session, e.RunComplete())
        await hub.http.post(f"/v1/sessions/{session.id}/input", json={"text": str(number)})
    entries = (await ask(hub, "GET", f"/session/{session.id}/replay"))["entries"]
    assert [entry["content"] for entry in entries] == ["0", "1", "2", "3", "4", "5"]


async def test_why_a_run_failed_is_told_once_to_whoever_comes_later(
    hub: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roost.api.coder.entries.PAGE", 2)  # of runs, too
    session = await live(hub, task="0")
    for number in range(1, 4):
        await say(hub, session, e.RunError(error=e.Failure(code="workspace_invalid", message=f"no clone {number}")))
        await hub.http.post(f"/v1/sessions/{session.id}/input", json={"text": str(number)})
    failure = e.Failure(code="scripted_failure", message="it broke")
    await say(hub, session, e.MessageDone(message=M, error=failure), e.RunError(error=failure))
    entries = (await ask(hub, "GET", f"/session/{session.id}/replay"))["entries"]
    assert [(entry["content"], entry.get("isError", False)) for entry in entries] == [
        ("0", False), ("no clone 1", True), ("1", False), ("no clone 2", True), ("2", False), ("no clone 3", True),
        ("3", False), ("it broke", True),
    ]  # fmt: skip
    async with streaming(hub, session.id) as frames:
        await anext(frames)
        assert (await anext(frames))["entries"] == entries


async def test_a_session_without_a_word_yet_has_an_empty_plan_and_no_loop(hub: Served) -> None:
    made = await create(hub)
    session = made["sessionId"]
    assert await ask(hub, "GET", f"/session/{session}/loop") == {
        "sessionId": session, "workflowMode": "standard", "loop": None,
    }  # fmt: skip
    todos = await ask(hub, "GET", f"/session/{session}/todos")
    assert (todos["ok"], todos["op"], todos["count"], todos["todos"]) == (True, "session_todo_list", 0, [])
    assert (await ask(hub, "GET", f"/session/{session}/participants"))["participants"] == []


async def test_todos_have_the_words_of_the_wire(hub: Served) -> None:
    session = await live(hub)
    statuses = ("pending", "in_progress", "completed", "cancelled")
    plan = tuple(e.Todo(id=f"t{n}", content=f"do {status}", status=status) for n, status in enumerate(statuses))
    await say(hub, session, e.TodosUpdated(todos=plan))
    path = f"/session/{session.id}/todos"
    told = await ask(hub, "GET", path, includeTerminal="true", includeSync="false")
    assert [(t["id"], t["title"], t["status"], t["priority"]) for t in told["todos"]] == [
        ("t0", "do pending", "open", "medium"), ("t1", "do in_progress", "in_progress", "medium"),
        ("t2", "do completed", "done", "medium"), ("t3", "do cancelled", "cancelled", "medium"),
    ]  # fmt: skip
    assert told["summary"] == {"open": 1, "in_progress": 1, "done": 1, "closed": 0, "cancelled": 1}
    assert [t["id"] for t in (await ask(hub, "GET", path, includeTerminal="false"))["todos"]] == ["t0", "t1"]
    assert (await ask(hub, "GET", path, limit=1))["count"] == 1


async def test_the_agent_is_the_lead_while_its_host_is_there(hub: Served) -> None:
    session = await live(hub)
    path = f"/session/{session.id}/participants"
    (lead,) = (await ask(hub, "GET", path))["participants"]
    assert (lead["role"], lead["agentRole"], lead["transport"]) == ("lead", "scripted", "ws")
    detail = await ask(hub, "GET", f"/session/{session.id}")
    assert detail["participants"] == [
        {"id": "lead", "role": "lead", "transport": "ws", "connectedAt": lead["connectedAt"], "idle": False}
    ]
    assert detail["participantCount"] == 1
    session.linked = False
    assert (await ask(hub, "GET", path))["participants"] == []
    (gone,) = (await ask(hub, "GET", path, includeDisconnected="true"))["participants"]
    assert gone["role"] == "lead" and "disconnectedAt" in gone


async def test_who_watches_is_counted_and_remembered_when_gone(hub: Served) -> None:
    session = await live(hub, visibility="collaborate")
    path = f"/session/{session.id}"
    stream = {"Accept": "text/event-stream"}
    async with hub.http.stream("GET", f"/v1/sessions/{session.id}/events", headers=stream) as watching:
        await anext(aiter(watching.aiter_lines()))
        detail = await ask(hub, "GET", path)
        assert (detail["participantCount"], detail["observerCount"]) == (2, 0)
        assert [(one["role"], one["transport"]) for one in detail["participants"]] == [
            ("lead", "ws"), ("controller", "sse"),
        ]  # fmt: skip
        assert len((await ask(hub, "GET", f"{path}/participants", offset=1, limit=1))["participants"]) == 1
    while len((await ask(hub, "GET", f"{path}/participants"))["participants"]) > 1:
        continue
    everybody = (await ask(hub, "GET", f"{path}/participants", includeDisconnected="true"))["participants"]
    (gone,) = [one for one in everybody if "disconnectedAt" in one]
    assert (gone["role"], gone["metadata"]["userId"]) == ("controller", "owner")


async def test_a_detail_shows_what_each_agent_is_at(hub: Served) -> None:
    session = await live(hub, task="look around")
    await say(hub, session, *SAID[:7], e.SubtaskStart(task=T, agent="scout", prompt="find it"))
    told = await ask(hub, "GET", f"/session/{session.id}")
    lead, scout = told["agentActivity"]["scripted"], told["agentActivity"]["scout"]
    assert (lead["name"], lead["status"], lead["currentTool"]) == ("scripted", "running", "bash")
    assert (lead["currentToolArgs"], lead["toolCallCount"]) == ('{"command":"ls"}', 1)
    assert (scout["name"], scout["status"]) == ("scout", "running")
    assert told["stream"] == {"output": "I look.", "thinking": "let me see", "tasks": {}}
    (task,) = told["tasks"]
    assert (task["taskId"], task["agent"], task["prompt"], task["status"]) == (T, "scout", "find it", "running")
    assert (told["taskCount"], told["subAgentCount"]) == (1, 1)
    text = e.TextDelta(message=MessageId("msg_2"), task=T, part=part(1), delta="here")
    await say(hub, session, *SAID[7:10], text)
    assert (await ask(hub, "GET", f"/session/{session.id}"))["stream"]["tasks"] == {
        T: {"output": "here", "thinking": ""}
    }
    await say(hub, session, e.RunComplete())
    done = await ask(hub, "GET", f"/session/{session.id}")
    (task,) = done["tasks"]
    assert (task["status"], task["error"]) == ("failed", "aborted"), "its run was over before it was"
    assert done["agentActivity"]["scripted"]["status"] == "idle"
    assert done["stream"] == {"output": "", "thinking": "", "tasks": {}}


async def test_tasks_are_kept_up_to_a_number_and_a_length(hub: Served) -> None:
    session = await live(hub)
    for number in range(MAX_TASKS + 1):
        task = TaskId(f"task_{number}")
        await say(hub, session, e.SubtaskStart(task=task, agent="scout", prompt="p" * (MAX_SAID_CHARS + 1)))
        if number:
            await say(hub, session, e.SubtaskEnd(task=task, status="failed", result="r" * (MAX_SAID_CHARS + 1)))
    tasks = (await ask(hub, "GET", f"/session/{session.id}"))["tasks"]
    assert [task["taskId"] for task in tasks] == ["task_0", *(f"task_{n}" for n in range(2, MAX_TASKS + 1))]
    assert (len(tasks[-1]["prompt"]), len(tasks[-1]["error"])) == (MAX_SAID_CHARS, MAX_SAID_CHARS)
    assert tasks[-1]["duration"] >= 0
