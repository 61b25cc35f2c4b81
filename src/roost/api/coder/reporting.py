"""What a lead of theirs reports, as events of ours (hub-wire 10.6): Pi's events of a turn, one at a time. Pure.

Messages, tools and sub-agents become what they are in every session, so that other clients, the replay and the search
see them. What has no word here stays `native` and is told on as it was; what is private is not kept at all.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, cast

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from roost.api.coder.facts import LEAD
from roost.api.coder.pi import as_object
from roost.model import events as e
from roost.model.ids import MessageId, PartId, RunId, TaskId, new_message_id, new_part_id, new_task_id
from roost.model.messages import Message, ReasoningPart, TextPart, ToolPart

UNREAD: Final = frozenset(("context", "model_select", "session_before_switch", "session_before_fork"))
"""Whole message lists, and what only concerns the terminal: answered, and not even read."""
PRIVATE: Final = UNREAD | {"input", "before_agent_start"}
"""These are read for what was typed, and not kept: they hold system prompts too."""
SAID_OTHERWISE: Final = frozenset(("tool_call", "tool_result", "turn_start", "turn_end", "agent_start", "agent_end"))
"""These say again what other events of theirs say, or are told from our runs."""
KINDS: Final[dict[str, str]] = {"text": "text", "thinking": "reasoning"}
"""Blocks that are streamed, by the kind of our part; the key is also where a block has its words."""
FINISH: Final[dict[str, str]] = {"toolUse": "tool-calls", "length": "length", "error": "error", "aborted": "aborted"}
FAILED: Final = "agent_failed"

Data = dict[str, Any]


class _Said(Struct):
    """A part, as far as it has been said."""

    part: PartId
    text: str = ""


class _Tool(Struct, frozen=True):
    message: MessageId
    part: PartId
    said: str = ""


class _Turn(Struct):
    message: MessageId | None = None
    parts: dict[int, _Said] = field(default_factory=dict[int, _Said])
    tools: dict[str, _Tool] = field(default_factory=dict[str, _Tool])
    last: MessageId | None = None
    text: str = ""
    stop: str = ""
    error: str = ""


class Report:
    """Of one lead."""

    def __init__(self) -> None:
        self._turn = _Turn()
        self._tasks: dict[str, tuple[MessageId, dict[str, PartId]]] = {}
        self.prompt = ""
        """What was typed last: the input of the turn that begins."""

    def take(self, name: str, data: Data) -> list[e.Body]:
        """What an event becomes; nothing, if it is private or said otherwise."""
        if name in ("input", "before_agent_start"):
            self.prompt = str(data.get("text") or data.get("prompt") or "") or self.prompt
        if name in PRIVATE or name in SAID_OTHERWISE:
            return []
        make = self._ROWS.get(name)
        if make is None:
            return [e.Native(raw={"event": name, "data": data}, source=LEAD)]
        return make(self, data)

    def resume(self, messages: Sequence[Message], run: RunId | UnsetType) -> None:
        """A turn goes on that another connection has reported so far: `messages` of the session, and its open run."""
        own = [m for m in messages if m.info.run == run and m.info.role == "assistant" and m.info.task is UNSET]
        if run is UNSET or not own:
            return
        last = own[-1]
        said = [part for part in last.parts if isinstance(part, TextPart | ReasoningPart)]
        self._turn.last = last.info.id
        if last.info.completed is UNSET:
            self._turn.message = last.info.id
            self._turn.parts = {number: _Said(part.id, part.text) for number, part in enumerate(said)}
        running = (part for part in last.parts if isinstance(part, ToolPart) and part.state.status == "running")
        self._turn.tools = {t.call: _Tool(last.info.id, t.id, t.state.output or "") for t in running}

    def begin(self) -> None:
        """A turn begins."""
        self._turn = _Turn()
        self.prompt = ""

    def end(self, *, aborted: bool, read: int) -> e.RunComplete | e.RunAborted | e.RunError:
        """The turn is over. `aborted`: somebody asked for that; `read`: the last command that was carried out."""
        turn = self._turn
        if aborted or turn.stop == "aborted":
            return e.RunAborted(reason="requested" if aborted else "terminal", read=read)
        if turn.stop == "error":
            return e.RunError(error=e.Failure(code=FAILED, message=turn.error or "the agent failed"), read=read)
        said = UNSET if turn.last is None else turn.last
        return e.RunComplete(result=e.RunResult(text=turn.text or UNSET, message=said), read=read)

    # --- messages -----------------------------------------------------------------------------------------------------

    def _message_start(self, data: Data) -> list[e.Body]:
        message = as_object(data.get("message"))
        if message.get("role") != "assistant":
            return []
        turn = self._turn
        turn.message, turn.parts = new_message_id(), {}
        provider, model = message.get("provider"), message.get("model")
        name = f"{provider}/{model}" if provider and model else UNSET
        return [e.MessageStart(message=turn.message, model=name)]

    def _message_update(self, data: Data) -> list[e.Body]:
        message = as_object(data.get("message"))
        if message.get("role", "assistant") != "assistant":
            return []
        begun = self._message_start({"message": {"role": "assistant"} | message}) if self._turn.message is None else []
        return [*begun, *self._grown(message)]

    def _grown(self, message: Data) -> list[e.Body]:
        """What its blocks say now that they did not say before: an update that was lost costs nothing."""
        found: list[e.Body] = []
        for number, block in enumerate(_blocks(message.get("content"))):
            kind = KINDS.get(str(block.get("type")))
            if kind is not None:
                found += self._said(number, kind, str(block.get(str(block["type"])) or ""))
        return found

    def _said(self, number: int, kind: str, text: str) -> list[e.Body]:
        message = self._turn.message or new_message_id()
        said = self._turn.parts.setdefault(number, _Said(new_part_id()))
        begins = text.startswith(said.text)
        reset: list[e.Body] = [] if begins else [e.PartReset(message=message, part=said.part, reason="changed")]
        delta = text[len(said.text) :] if begins else text
        said.text = text
        delta_of = e.TextDelta if kind == "text" else e.ReasoningDelta
        return [*reset, delta_of(message=message, part=said.part, delta=delta)] if delta else reset

    def _message_end(self, data: Data) -> list[e.Body]:
        message = as_object(data.get("message"))
        if message.get("role") != "assistant":
            return []
        found = self._message_update(data)
        turn = self._turn
        name = turn.message or new_message_id()
        found += [e.PartDone(message=name, part=said.part) for said in turn.parts.values()]
        turn.last, turn.message, turn.stop = name, None, str(message.get("stopReason") or "stop")
        turn.text = "".join(said.text for said in turn.parts.values()) or turn.text
        turn.error = str(message.get("errorMessage") or "")
        finish = FINISH.get(turn.stop, "stop")
        failed = e.Failure(code=FAILED, message=turn.error or "the agent failed") if turn.stop == "error" else UNSET
        return [
            *found,
            _usage(name, as_object(message.get("usage"))),
            e.MessageDone(message=name, finish=finish, error=failed),
        ]

    # --- tools --------------------------------------------------------------------------------------------------------

    def _tool_start(self, data: Data) -> list[e.Body]:
        turn, call = self._turn, str(data.get("toolCallId") or "")
        message = turn.message or turn.last or new_message_id()
        turn.last = message
        tool = turn.tools[call] = _Tool(message, new_part_id())
        name, given = str(data.get("toolName") or "tool"), data.get("args")
        return [e.ToolStart(message=message, part=tool.part, call=call, tool=name, input=given)]

    def _tool_update(self, data: Data) -> list[e.Body]:
        call = str(data.get("toolCallId") or "")
        tool, text = self._turn.tools.get(call), _text(data.get("partialResult"))
        if tool is None or not text.startswith(tool.said) or text == tool.said:
            return []
        self._turn.tools[call] = _Tool(tool.message, tool.part, text)
        return [e.ToolDelta(message=tool.message, part=tool.part, call=call, delta=text[len(tool.said) :])]

    def _tool_end(self, data: Data) -> list[e.Body]:
        call = str(data.get("toolCallId") or "")
        begun = [] if call in self._turn.tools else self._tool_start(data)
        tool, text = self._turn.tools.pop(call), _text(data.get("result"))
        if data.get("isError") is True:
            return [*begun, e.ToolError(message=tool.message, part=tool.part, call=call, error=text or "it failed")]
        output = UNSET if text == tool.said else text
        return [*begun, e.ToolComplete(message=tool.message, part=tool.part, call=call, output=output)]

    # --- sub-agents ---------------------------------------------------------------------------------------------------

    def _task_start(self, data: Data) -> list[e.Body]:
        task, agent = _task(data), str(data.get("agent") or "agent")
        return [e.SubtaskStart(task=task, agent=agent, prompt=str(data.get("prompt") or ""))]

    def _task_complete(self, data: Data) -> list[e.Body]:
        return [*self._done(data), e.SubtaskEnd(task=_task(data), result=str(data.get("result") or ""))]

    def _task_error(self, data: Data) -> list[e.Body]:
        failed = e.SubtaskEnd(task=_task(data), status="failed", result=str(data.get("error") or ""))
        return [*self._done(data), failed]

    def _done(self, data: Data) -> list[e.Body]:
        said = self._tasks.pop(_task(data), None)
        return [] if said is None else [e.MessageDone(message=said[0], task=_task(data))]

    def _progress(self, data: Data) -> list[e.Body]:
        task, status, delta = _task(data), str(data.get("status") or ""), data.get("delta")
        message, parts = self._tasks.setdefault(task, (new_message_id(), {}))
        if status in ("text_delta", "thinking_delta"):
            part = parts.setdefault(status, new_part_id())
            delta_of = e.TextDelta if status == "text_delta" else e.ReasoningDelta
            said = isinstance(delta, str) and delta
            return [delta_of(message=message, part=part, task=task, delta=str(delta))] if said else []
        tool = str(data.get("currentTool") or "tool")
        if status == "tool_start":
            part = parts[tool] = new_part_id()
            given = data.get("currentToolArgs")
            return [e.ToolStart(message=message, part=part, task=task, call=part, tool=tool, input=given)]
        if status == "tool_end" and tool in parts:
            part = parts.pop(tool)
            return [e.ToolComplete(message=message, part=part, task=task, call=part)]
        return []

    def _compacting(self, _: Data) -> list[e.Body]:
        return [e.Compacting()]

    def _compacted(self, _: Data) -> list[e.Body]:
        return [e.Compacted()]

    _ROWS: ClassVar[dict[str, Callable[["Report", Data], list[e.Body]]]] = {
        "message_start": _message_start,
        "message_update": _message_update,
        "message_end": _message_end,
        "tool_execution_start": _tool_start,
        "tool_execution_update": _tool_update,
        "tool_execution_end": _tool_end,
        "task_start": _task_start,
        "task_complete": _task_complete,
        "task_error": _task_error,
        "agent_progress": _progress,
        "session_before_compact": _compacting,
        "session_compact": _compacted,
    }


class SubReport:
    """Of a sub-agent with a connection of its own: the same, as a task of its lead."""

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._task: TaskId | None = None
        self._report = Report()

    def take(self, name: str, data: Data) -> list[e.Body]:
        """What an event becomes; nothing before its task has begun."""
        if name == "agent_start" and self._task is None:
            self._task = new_task_id()
            return [e.SubtaskStart(task=self._task, agent=self._agent, prompt=self._report.prompt)]
        bodies, task = self._report.take(name, data), self._task
        if task is None:
            return []
        if name == "agent_end":
            self._task = None
            return [self._ended(task)]
        return [replace(body, task=task) for body in bodies if isinstance(body, e.Said)]

    def _ended(self, task: TaskId) -> e.SubtaskEnd:
        end = self._report.end(aborted=False, read=0)
        self._report = Report()
        match end:
            case e.RunComplete():
                return e.SubtaskEnd(task=task, result=end.result.text)
            case e.RunError():
                return e.SubtaskEnd(task=task, status="failed", result=end.error.message)
            case e.RunAborted():
                return e.SubtaskEnd(task=task, status="aborted")


def _task(data: Data) -> TaskId:
    return TaskId(str(data.get("taskId") or "task"))


def _usage(message: MessageId, usage: Data) -> e.StepFinish:
    """What the model step took; what is not said, or no number, counts nothing."""

    def count(name: str) -> int:
        given = usage.get(name)
        return given if isinstance(given, int) and given >= 0 else 0

    paid = as_object(usage.get("cost")).get("total")
    tokens = e.Tokens(
        input=count("input"), output=count("output"), cache_read=count("cacheRead"), cache_write=count("cacheWrite")
    )
    cost = float(paid) if isinstance(paid, int | float) and paid >= 0 else 0.0
    return e.StepFinish(message=message, part=new_part_id(), tokens=tokens, cost=cost)


def _text(result: Any) -> str:
    """The words of a tool's result."""
    content = as_object(result).get("content")
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text") or "") for block in _blocks(content) if block.get("type") == "text")


def _blocks(content: Any) -> list[Data]:
    return [as_object(block) for block in cast("list[Any]", content)] if isinstance(content, list) else []
