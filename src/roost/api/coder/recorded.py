"""What of the log is history to Coder's clients: events of theirs without those that only tell how a message grew.

Each is made from one event of ours and, where that does not say all, from the message or task it belongs to. So any
page of a history can be made without what came before it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import UNSET, Struct
from msgspec.structs import asdict

from roost.api.coder import pi
from roost.api.coder.facts import FACTS, loop_name, prompted
from roost.api.coder.shapes import LoopShape
from roost.api.coder.speech import Pair
from roost.model import events as e
from roost.model.envelope import BY_TAG, Event
from roost.model.ids import MessageId, TaskId
from roost.model.messages import Message, ToolPart
from roost.model.tasks import Task

OF_MESSAGES: Final = (e.MessageDone, e.ToolComplete, e.ToolError)
"""These are told with what their message says."""


class Known(Struct, frozen=True):
    """What is told of an event beside what it says. `agent` leads the session; `messages`: those of `OF_MESSAGES`;
    `tasks`: those that the session remembers."""

    agent: str = ""
    messages: Mapping[MessageId, Message] = {}
    tasks: Mapping[TaskId, Task] = {}


def pairs_of(event: Event, known: Known) -> list[Pair]:
    """What an event is recorded as; as many, whatever is known."""
    kind = type(event.body)
    if kind in FACTS:
        return FACTS[kind](event.body)
    make = _ROWS.get(kind)
    return [] if make is None else make(event.body, event, known)


def _loop(body: e.LoopUpdated, event: Event, *_: Any) -> list[Pair]:
    shape = LoopShape(
        status=body.status,
        iteration=body.iteration,
        loop_id=body.id,
        summary=body.summary,
        next_action=body.next_action,
        **({} if body.loop is UNSET else asdict(body.loop)),
    )
    name = loop_name(body, event)
    told: list[Pair] = [("loop_state_updated", {"loop": shape})]
    return told if name is None else [(name, {"loop": shape}), *told]


# --- runs -------------------------------------------------------------------------------------------------------------


def _run_start(body: e.RunStart, event: Event, known: Known) -> list[Pair]:
    turn = {"turnId": event.run or body.message}
    return [*_steered(body, event), ("agent_start", _agent(known)), ("turn_start", turn)]


def _steered(body: e.RunStart | e.Steered, event: Event, *_: Any) -> list[Pair]:
    return [prompted(body, event)]


def _run_end(body: e.Body, event: Event, known: Known) -> list[Pair]:
    turn: dict[str, Any] = {"turnId": event.run or "", "toolResults": []}
    name = f"{event.run}.end"
    if isinstance(body, e.RunError):
        turn["message"] = pi.failed(name, event.at, "error", body.error.message)
    elif isinstance(body, e.RunAborted):
        turn["message"] = pi.failed(name, event.at, "aborted", f"aborted: {body.reason}")
    elif isinstance(body, e.RunComplete) and body.result.text is not UNSET:
        turn["text"] = body.result.text
    return [("turn_end", turn), ("agent_end", _agent(known))]


def _agent(known: Known) -> dict[str, Any]:
    return {"agentName": known.agent, "agent": known.agent}


def _task_end(body: e.SubtaskEnd, event: Event, known: Known) -> list[Pair]:
    about: dict[str, Any] = {"taskId": body.task}
    if (task := known.tasks.get(body.task)) is not None and task.started_at <= event.at:
        about |= {"agent": task.agent, "duration": event.at - task.started_at}
    result = "" if body.result is UNSET else body.result
    if body.status == "completed":
        return [("task_complete", {**about, "result": result})]
    return [("task_error", {**about, "error": result or body.status})]


# --- conversation -----------------------------------------------------------------------------------------------------


def _message_end(body: e.MessageDone, _: Event, known: Known) -> list[Pair]:
    found = known.messages.get(body.message)
    if found is None:
        return [("message_end", {"message": {"id": body.message, "role": "assistant", "content": []}})]
    return [("message_end", {"message": pi.said(found).message})]


def _tool_start(body: e.ToolStart, *_: Any) -> list[Pair]:
    named = {"toolCallId": body.call, "toolName": body.tool, "args": pi.as_object(body.input)}
    return [("tool_call", {"name": body.tool, **named}), ("tool_execution_start", named)]


def _tool_end(body: e.ToolComplete | e.ToolError, _: Event, known: Known) -> list[Pair]:
    part = _part(known.messages.get(body.message), body.call)
    failed = isinstance(body, e.ToolError)
    text = body.error if isinstance(body, e.ToolError) else body.output or ""
    if part is not None and (failed or body.output is UNSET):
        text = pi.returned(part.state)
    tool = "tool" if part is None or part.tool is UNSET else part.tool
    about: dict[str, Any] = {} if body.metadata is UNSET else body.metadata
    result = {"content": pi.text_blocks(text), "details": {**about, "duration": _lasted(part)}}
    named = {"toolCallId": body.call, "toolName": tool}
    told = {"name": tool, **named, "args": {} if part is None else pi.arguments(part), **result, "isError": failed}
    return [("tool_execution_end", {**named, "result": result, "isError": failed}), ("tool_result", told)]


def _part(message: Message | None, call: str) -> ToolPart | None:
    parts = () if message is None else message.parts
    return next((part for part in parts if isinstance(part, ToolPart) and part.call == call), None)


def _lasted(part: ToolPart | None) -> int:
    if part is None or part.state.start is UNSET or part.state.end is UNSET:
        return 0
    return part.state.end - part.state.start


_ROWS: Final[dict[type, Callable[[Any, Event, Known], list[Pair]]]] = {
    e.RunStart: _run_start,
    e.Steered: _steered,
    e.RunComplete: _run_end,
    e.RunAborted: _run_end,
    e.RunError: _run_end,
    e.MessageDone: _message_end,
    e.ToolStart: _tool_start,
    e.ToolComplete: _tool_end,
    e.ToolError: _tool_end,
    e.SubtaskEnd: _task_end,
    e.LoopUpdated: _loop,
}
RECORDED: Final = frozenset(tag for tag, kind in BY_TAG.items() if kind in _ROWS or kind in FACTS)
"""Types of events that may be history: the others need not even be read."""
