"""What the agent itself says, as the published clients render it: one message at a time, told whole while it grows.

Their terminal draws one assistant message and drops the start of a second one, so of two that overlap the later waits
until the earlier has ended. A message and a tool's output are told again as a whole whenever they have grown, so this
is done seldom: at most ten times in a second, and less often the larger they are; the end is always told.
"""

from collections import deque
from typing import Any, Final

from msgspec import UNSET, Struct, field

from roost.api.coder import pi
from roost.model import events as e
from roost.model.conversation import Conversation
from roost.model.ids import MessageId, PartId
from roost.model.messages import Message, ReasoningPart, ToolPart

KINDS: Final[dict[type, str]] = {ReasoningPart: "thinking", ToolPart: "toolcall"}
"""What a part is to them; all others are `text`."""
Pair = tuple[str, dict[str, Any]]
"""A name of theirs and its data."""
PAUSE_MS: Final = 100.0
"""Between two updates of a message, or of a tool's output."""
CHARS_PER_MS: Final = 512
"""A large one is told less often still, so that all its updates together stay under half a megabyte per second."""
ENDED: Final = 64
"""Messages of which it is remembered that they have been told to the end."""
OUTPUT_CHARS: Final = 32 * 1024
"""Of a running tool's output its end is told; the whole of it when it has run."""


class _Growing(Struct):
    """A message or an output that has not ended. `next_at`: not to be told before that (ms). `deltas`: what was added
    since, by part, the last part last; no entry: nothing to tell."""

    next_at: float = 0.0
    deltas: dict[PartId, tuple[str, list[str]]] = field(default_factory=dict[PartId, tuple[str, list[str]]])

    def add(self, part: PartId, kind: str, delta: str) -> None:
        _, held = self.deltas.pop(part, (kind, []))
        held.append(delta)
        self.deltas[part] = kind, held

    def take(self, now: float, size: int) -> None:
        self.next_at = now + max(PAUSE_MS, size / CHARS_PER_MS)
        self.deltas = {}


class _Tool(Struct, frozen=True):
    """A call that runs: where its part stands."""

    message: MessageId
    part: PartId
    name: str
    arguments: dict[str, Any]


class Speech:
    """Told after each event has been taken into `conversation`."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._shown: MessageId | None = None
        self._waiting: deque[MessageId] = deque()
        self._ended: deque[MessageId] = deque(maxlen=ENDED)
        self._thinking: PartId | None = None
        self._growing = _Growing()
        self._tools: dict[str, _Tool] = {}
        self._outputs: dict[str, _Growing] = {}
        self.last: dict[str, Any] | None = None
        """The last message that was told to its end, since `begin`."""
        for message in conversation.messages:
            if message.info.completed is not UNSET:
                self._ended.append(message.info.id)
            elif message.info.task is UNSET:
                self._meet(message.info.id)
            for part in message.parts:
                if isinstance(part, ToolPart) and part.state.status == "running" and message.info.task is UNSET:
                    self._tools[part.call] = _tool(message, part)

    def begin(self) -> None:
        """A turn begins."""
        self.last = None

    # --- when -------------------------------------------------------------------------------------------------------

    @property
    def due(self) -> float | None:
        """When something is to be told that has grown (ms); None: nothing has."""
        return min((g.next_at for g in (self._growing, *self._outputs.values()) if g.deltas), default=None)

    def grown(self, now: float) -> list[Pair]:
        """What has grown and may be told again at `now` (ms)."""
        told: list[Pair] = []
        if self._growing.deltas and self._growing.next_at <= now:
            told += self._update(now)
        for call, output in self._outputs.items():
            if output.deltas and output.next_at <= now:
                told += self._output(call, output, now)
        return told

    # --- what is said -----------------------------------------------------------------------------------------------

    def said(self, body: e.Said, now: float) -> list[Pair]:
        """A conversation event of the agent itself."""
        told = self._meet(body.message)
        match body:
            case e.TextDelta():
                self._grow(body, "text", body.delta)
            case e.ReasoningDelta():
                self._grow(body, "thinking", body.delta)
                told += self._think(body)
            case e.ToolInputDelta():
                self._grow(body, "toolcall", body.delta)
            case e.ToolStart():
                self._grow(body, "toolcall", "")
                told += self._tool(body, now)
            case e.ToolDelta() | e.ToolComplete() | e.ToolError():
                told += self._tool(body, now)
            case e.PartDone():
                if body.text is not UNSET:
                    self._grow(body, "text", "")
                told += self._thought(body.part)
            case e.PartReset() | e.Attachment():
                self._grow(body, "text", "")
            case _:
                pass
        return [*told, *self.settled(now)]

    def settled(self, now: float) -> list[Pair]:
        """The end of the message that is shown, if it has come, and the next one that waited for it."""
        told: list[Pair] = []
        while self._shown is not None and self._is_over(self._shown):
            told += self._end(self._shown, now)
            if self._waiting:
                told += self._show_late(self._waiting.popleft())
        return told or self.grown(now)

    def close(self) -> list[Pair]:
        """The run has ended, and with it the tools that still ran."""
        return [pair for call in list(self._tools) for pair in self._tool_end(call)]

    # --- messages ---------------------------------------------------------------------------------------------------

    def _meet(self, message: MessageId) -> list[Pair]:
        """A message is spoken of: show it, unless another one is shown or it has ended."""
        if message == self._shown or message in self._waiting or message in self._ended:
            return []
        info = self._conversation.info(message)
        if info is not None and info.role != "assistant":
            return []
        if self._shown is not None:
            self._waiting.append(message)
            return []
        return self._show(message)

    def _show(self, message: MessageId) -> list[Pair]:
        self._shown, self._growing = message, _Growing()
        found = self._conversation.message(message)
        if found is None:
            return []
        return [("message_start", {"message": pi.said(Message(info=found.info)).message})]

    def _show_late(self, message: MessageId) -> list[Pair]:
        """It waited for another one: what was said of it meanwhile is all still to be told."""
        told = self._show(message)
        found = self._conversation.message(message)
        for part in () if found is None else found.parts:
            self._growing.add(part.id, KINDS.get(type(part), "text"), getattr(part, "text", ""))
        return told

    def _is_over(self, message: MessageId) -> bool:
        info = self._conversation.info(message)
        return info is None or info.completed is not UNSET

    def _end(self, message: MessageId, now: float) -> list[Pair]:
        told = self._update(now) if self._growing.deltas else []
        told += self._thought(self._thinking)
        self._shown = None
        self._ended.append(message)
        found = self._conversation.message(message)
        if found is not None:
            self.last = pi.said(found).message
            told.append(("message_end", {"message": self.last}))
        return told

    def _grow(self, body: Any, kind: str, delta: str) -> None:
        if body.message == self._shown:
            self._growing.add(body.part, kind, delta)

    def _update(self, now: float) -> list[Pair]:
        found = None if self._shown is None else self._conversation.message(self._shown)
        if found is None:
            self._growing.deltas = {}
            return []
        said = pi.said(found)
        part, (kind, deltas) = next(reversed(self._growing.deltas.items()))
        text = "".join(delta for kind, held in self._growing.deltas.values() if kind == "text" for delta in held)
        change = {"type": f"{kind}_delta", "contentIndex": said.places.get(part, 0), "delta": "".join(deltas)}
        self._growing.take(now, _size(said.message))
        return [("message_update", {"message": said.message, "assistantMessageEvent": change, "text": text})]

    # --- thinking ---------------------------------------------------------------------------------------------------

    def _think(self, body: e.ReasoningDelta) -> list[Pair]:
        if body.message != self._shown or body.part == self._thinking:
            return []
        told = self._thought(self._thinking)
        self._thinking = body.part
        return [*told, ("thinking_start", {"text": ""})]

    def _thought(self, part: PartId | None) -> list[Pair]:
        """A thought is complete, if this is the one that goes on."""
        if part is None or part != self._thinking:
            return []
        self._thinking = None
        found = None if self._shown is None else self._conversation.message(self._shown)
        parts = () if found is None else found.parts
        return [("thinking_end", {"text": next((getattr(p, "text", "") for p in parts if p.id == part), "")})]

    # --- tools ------------------------------------------------------------------------------------------------------

    def _tool(self, body: e.ToolStart | e.ToolDelta | e.ToolComplete | e.ToolError, now: float) -> list[Pair]:
        found = self._part(body.message, body.call)
        if found is None:
            return []
        told: list[Pair] = []
        message, part = found
        ends = isinstance(body, e.ToolComplete | e.ToolError)
        if body.call not in self._tools and (part.state.status == "running" or ends):
            told = [*self.grown(now), *self._tool_start(message, part)]
        if isinstance(body, e.ToolDelta) and body.call in self._tools:
            self._outputs.setdefault(body.call, _Growing()).add(part.id, "output", body.delta)
        return told + self._tool_end(body.call) if ends else told

    def _tool_start(self, message: Message, part: ToolPart) -> list[Pair]:
        tool = self._tools[part.call] = _tool(message, part)
        named = {"toolCallId": part.call, "toolName": tool.name, "args": tool.arguments}
        return [("tool_call", {"name": tool.name, **named}), ("tool_execution_start", named)]

    def _output(self, call: str, output: _Growing, now: float) -> list[Pair]:
        tool = self._tools[call]
        found = self._part(tool.message, call)
        if found is None:
            output.deltas = {}
            return []
        text = (found[1].state.output or "")[-OUTPUT_CHARS:]
        output.take(now, len(text))
        named = {"toolCallId": call, "toolName": tool.name, "args": tool.arguments}
        return [("tool_execution_update", {**named, "partialResult": {"content": pi.text_blocks(text)}})]

    def _tool_end(self, call: str) -> list[Pair]:
        tool = self._tools.pop(call, None)
        self._outputs.pop(call, None)
        found = None if tool is None else self._part(tool.message, call)
        if tool is None or found is None:
            return []
        state = found[1].state
        failed = state.status == "error"
        content = pi.text_blocks(pi.returned(state))
        lasted = 0 if state.start is UNSET or state.end is UNSET else state.end - state.start
        details = {**(state.metadata or {}), "duration": lasted}
        named = {"toolCallId": call, "toolName": tool.name}
        result = {"content": content, "details": details}
        told = {"name": tool.name, **named, "args": tool.arguments, **result, "isError": failed}
        return [("tool_execution_end", {**named, "result": result, "isError": failed}), ("tool_result", told)]

    def _part(self, message: MessageId, call: str) -> tuple[Message, ToolPart] | None:
        found = self._conversation.message(message)
        parts = () if found is None else reversed(found.parts)
        part = next((part for part in parts if isinstance(part, ToolPart) and part.call == call), None)
        return None if found is None or part is None else (found, part)


def _tool(message: Message, part: ToolPart) -> _Tool:
    return _Tool(message.info.id, part.id, part.tool or "tool", pi.arguments(part))


def _size(message: dict[str, Any]) -> int:
    """About how many characters a message has."""
    return sum(
        len(block.get("text") or block.get("thinking") or block.get("data") or "") for block in message["content"]
    )
