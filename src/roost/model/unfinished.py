"""Messages and parts that are still being said: mutable, so that a delta costs an append to a list.

Each has a served form (`messages.py`) and can be made again from it, so a snapshot needs no other shape.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from roost.model.events import Failure
from roost.model.ids import PartId
from roost.model.messages import (
    FilePart,
    Message,
    MessageInfo,
    Part,
    PatchPart,
    ReasoningPart,
    RetryPart,
    StepFinishPart,
    StepStartPart,
    TextPart,
    ToolPart,
    ToolState,
)  # fmt: skip
from roost.model.unreadable import UNREADABLE


def _chunks(text: str | UnsetType) -> list[str]:
    return [text] if text else []


class OpenText(Struct):
    """A text or reasoning part. It is open until `end` is set; a later delta opens it again."""

    id: PartId
    kind: type[TextPart] | type[ReasoningPart]
    start: int
    end: int | UnsetType = UNSET
    partial: bool = False
    chunks: list[str] = field(default_factory=list[str])

    @classmethod
    def again(cls, part: TextPart | ReasoningPart) -> "OpenText":
        return cls(part.id, type(part), part.start, part.end, part.partial, _chunks(part.text))

    @property
    def is_open(self) -> bool:
        return self.end is UNSET

    def add(self, delta: str) -> None:
        self.chunks.append(delta)
        self.end = UNSET

    def finish(self, at: int) -> None:
        if self.end is UNSET:
            self.end = at

    def cut(self, at: int, why: str) -> None:
        self.end, self.partial = at, True

    def served(self) -> Part:
        text = "".join(self.chunks)
        self.chunks = _chunks(text)  # joined once: the next time only what was added since
        return self.kind(id=self.id, text=text, start=self.start, end=self.end, partial=self.partial)


class OpenTool(Struct):
    """A tool call. `tool` is absent until a start or an end has counted the call."""

    id: PartId
    call: str
    tool: str | UnsetType = UNSET
    status: Literal["pending", "running", "completed", "error"] = "pending"
    input: Any = UNSET
    raw: list[str] = field(default_factory=list[str])
    output: list[str] = field(default_factory=list[str])
    title: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    error: str | UnsetType = UNSET
    start: int | UnsetType = UNSET
    end: int | UnsetType = UNSET
    partial: bool = False

    @classmethod
    def again(cls, part: ToolPart) -> "OpenTool":
        s = part.state
        return cls(
            part.id, part.call, part.tool, s.status, s.input, _chunks(s.raw), _chunks(s.output), s.title, s.metadata,
            s.error, s.start, s.end, part.partial,
        )  # fmt: skip

    @property
    def is_open(self) -> bool:
        return self.status in ("pending", "running")

    def run(self, at: int, given: Any = None, title: str | UnsetType = UNSET) -> None:
        """The tool runs. Said again of a running tool it only adds what is new."""
        if self.status == "pending":
            self.status, self.start = "running", at
        if given is None and self.input is UNSET:
            given = _parsed(self.raw)
        if given is not None:
            self.input, self.raw = given, []
        self.title = self.title if title is UNSET else title

    def end_well(self, at: int, output: str | UnsetType, title: str | UnsetType) -> None:
        self.run(at, title=title)
        self.status, self.end = "completed", at
        self.output = [*self.output] if output is UNSET else _chunks(output)

    def end_badly(self, at: int, error: str) -> None:
        self.run(at)
        self.status, self.end, self.error = "error", at, error

    def finish(self, at: int) -> None:
        """The message is done; the tool may still run."""

    def cut(self, at: int, why: str) -> None:
        self.status, self.end, self.error, self.partial = "error", at, why, True

    def served(self) -> Part:
        raw, output = "".join(self.raw), "".join(self.output)
        self.raw, self.output = _chunks(raw), _chunks(output)
        state = ToolState(
            status=self.status,
            input=self.input,
            raw=raw or UNSET,
            output=output or ("" if self.status == "completed" else UNSET),
            title=self.title,
            metadata=self.metadata,
            error=self.error,
            start=self.start,
            end=self.end,
        )
        return ToolPart(id=self.id, call=self.call, tool=self.tool, state=state, partial=self.partial)


def _parsed(raw: list[str]) -> Any:
    """What the streamed input says, if it is whole JSON; else None."""
    try:
        return msgspec.json.decode("".join(raw))
    except UNREADABLE:
        return None


AnyPart = OpenText | OpenTool | FilePart | StepStartPart | StepFinishPart | RetryPart | PatchPart


class OpenMessage(Struct):
    """A message that is being said. `parts` by id, in the order in which they began; `calls` those that are tools."""

    info: MessageInfo
    parts: dict[PartId, AnyPart] = field(default_factory=dict[PartId, AnyPart])
    calls: dict[str, OpenTool] = field(default_factory=dict[str, OpenTool])

    @classmethod
    def again(cls, message: Message) -> "OpenMessage":
        parts = {part.id: _again(part) for part in message.parts}
        return cls(message.info, parts, {part.call: part for part in parts.values() if isinstance(part, OpenTool)})

    @property
    def is_settled(self) -> bool:
        """It is done and nothing in it is open: a tool may run on after its message is done."""
        return self.info.completed is not UNSET and not any(part.is_open for part in self._open())

    def _open(self) -> Iterable[OpenText | OpenTool]:
        # From the end: what is open is nearly always what came last.
        return (p for p in reversed(self.parts.values()) if isinstance(p, OpenText | OpenTool) and p.is_open)

    def finish(self, at: int, finish: str, error: Failure | UnsetType) -> None:
        """It was said to the end: its text is whole."""
        for part in self._open():
            part.finish(at)
        self.info = replace(self.info, completed=at, finish=finish, error=error)

    def cut(self, at: int, error: Failure | UnsetType) -> None:
        """It was not said to the end: what is open stays partial."""
        why = "its run ended before it did" if error is UNSET else error.message
        for part in self._open():
            part.cut(at, why)
        if self.info.completed is UNSET:
            self.info = replace(self.info, completed=at, error=error)

    def tool(self, part: PartId, call: str) -> OpenTool | None:
        """The tool call of this part; by its `call` if the part is not known. None: the part is something else."""
        found = self.parts.get(part) or self.calls.get(call)
        if found is None:
            found = self.parts[part] = self.calls[call] = OpenTool(part, call)
        return found if isinstance(found, OpenTool) else None

    def served(self) -> Message:
        parts = (p.served() if isinstance(p, OpenText | OpenTool) else p for p in self.parts.values())
        return Message(info=self.info, parts=tuple(parts))


def _again(part: Part) -> AnyPart:
    if isinstance(part, TextPart | ReasoningPart):
        return OpenText.again(part)
    return OpenTool.again(part) if isinstance(part, ToolPart) else part


def is_finished(message: Message) -> bool:
    """Whether the conversation is through with it."""
    return message.info.completed is not UNSET and not any(
        (isinstance(part, TextPart | ReasoningPart) and part.end is UNSET)
        or (isinstance(part, ToolPart) and part.state.status in ("pending", "running"))
        for part in message.parts
    )
