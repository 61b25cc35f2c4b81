"""What a session's agents are at, from its snapshot: tasks, activity, and what the open run has said so far."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from roost.api.coder.shapes import Activity, StreamShape, TaskShape, TaskStream
from roost.api.coder.times import iso
from roost.model.messages import Message, ReasoningPart, TextPart, ToolPart
from roost.model.record import Record
from roost.model.snapshot import Snapshot
from roost.model.tasks import Task

ARGS_CHARS: Final = 200
"""Of a running tool's input, for a line on a screen."""
STATUS: Final[dict[str, Any]] = {"aborted": "failed"}
"""How a task stands, where that is another word there."""


def tasks_of(record: Record) -> list[TaskShape]:
    """The tasks of sub-agents, in the order in which they began."""
    return [_task(task) for task in record.tasks]


def _task(task: Task) -> TaskShape:
    over = task.ended_at is not UNSET
    failed = over and task.status != "completed"
    said = UNSET if task.result is UNSET else task.result
    return TaskShape(
        task_id=task.task,
        agent=task.agent,
        prompt=task.prompt,
        status=STATUS.get(task.status, task.status),
        started_at=iso(task.started_at),
        completed_at=iso(task.ended_at) if task.ended_at is not UNSET else UNSET,
        duration=task.ended_at - task.started_at if task.ended_at is not UNSET else UNSET,
        result=UNSET if failed else said,
        error=(said or task.status) if failed else UNSET,
    )


def activity_of(snapshot: Snapshot) -> dict[str, Activity]:
    """What each agent does, by its name: the session's own, and of sub-agents with one name the newest."""
    record = snapshot.record
    own = [message for message in snapshot.messages if message.info.task is UNSET]
    found = {record.agent: _lead(record, own)}
    for task in record.tasks:
        if task.agent != record.agent:
            found[task.agent] = _sub_agent(task, [m for m in snapshot.messages if m.info.task == task.task])
    return found


def _lead(record: Record, own: list[Message]) -> Activity:
    tool, arguments = _running_tool(own)
    run = record.last_run if record.run is UNSET else record.run
    elapsed = UNSET if run is UNSET or run.ended_at is UNSET else run.ended_at - run.started_at
    return Activity(
        name=record.agent,
        status="idle" if record.run is UNSET else "running",
        tool_call_count=record.metrics.tool_calls,
        last_activity=record.updated_at,
        current_tool=tool,
        current_tool_args=arguments,
        total_elapsed=elapsed,
    )


def _sub_agent(task: Task, said: list[Message]) -> Activity:
    tool, arguments = _running_tool(said) if task.status == "running" else (UNSET, UNSET)
    over = task.ended_at
    return Activity(
        name=task.agent,
        status=STATUS.get(task.status, task.status),
        tool_call_count=sum(isinstance(part, ToolPart) for message in said for part in message.parts),
        last_activity=task.started_at if over is UNSET else over,
        current_tool=tool,
        current_tool_args=arguments,
        total_elapsed=UNSET if over is UNSET else over - task.started_at,
    )


def _running_tool(messages: Iterable[Message]) -> tuple[Any, Any]:
    """Name and input of the tool that runs now; both UNSET if none does."""
    running = [
        part
        for message in messages
        for part in message.parts
        if isinstance(part, ToolPart) and part.state.status == "running" and not part.partial
    ]
    if not running or running[-1].tool is UNSET:
        return UNSET, UNSET
    given = running[-1].state.input
    return running[-1].tool, "" if given is UNSET else msgspec.json.encode(given).decode()[:ARGS_CHARS]


def stream_of(snapshot: Snapshot) -> StreamShape:
    """What the open run has said so far, of each sub-agent by itself; nothing between runs."""
    run = snapshot.record.run
    said = [m for m in snapshot.messages if run is not UNSET and m.info.run == run.run and m.info.role == "assistant"]
    own = [message for message in said if message.info.task is UNSET]
    tasks = {message.info.task for message in said if message.info.task is not UNSET}
    return StreamShape(
        output=_text(own, TextPart),
        thinking=_text(own, ReasoningPart),
        tasks={task: _task_stream([m for m in said if m.info.task == task]) for task in tasks},
    )


def _task_stream(said: list[Message]) -> TaskStream:
    return TaskStream(output=_text(said, TextPart), thinking=_text(said, ReasoningPart))


def _text(messages: list[Message], kind: type[TextPart | ReasoningPart]) -> str:
    return "".join(part.text for message in messages for part in message.parts if isinstance(part, kind))
