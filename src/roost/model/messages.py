"""The conversation as it is served: messages and their parts (PROTOCOL.md, "Messages"). How events become these is in
`conversation.py`.

A field that is left out is absent or has its default. Times are milliseconds, from the `at` of the event that set them.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from roost.model.events import Blob, Failure, FileChange, Principal, Tokens
from roost.model.ids import MessageId, PartId, RunId, Seq, SessionId, TaskId


class MessageInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of a message but its parts. `first` is the seq of the event that opened it: its place in the conversation.
    `completed` is absent while it is being said. `parent` is the user message it answers; `task` the sub-agent that
    says it; `by` who sent it, for input. `tokens` and `cost` (US dollars) sum its steps. `summary`: the model sees this
    instead of what came before. `said_at`: when it was said, if that was before it was recorded."""

    id: MessageId
    role: Literal["assistant", "user", "system"]
    created: int
    first: Seq
    session: SessionId | UnsetType = UNSET
    completed: int | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    parent: MessageId | UnsetType = UNSET
    task: TaskId | UnsetType = UNSET
    run: RunId | UnsetType = UNSET
    by: Principal | UnsetType = UNSET
    finish: str | UnsetType = UNSET
    error: Failure | UnsetType = UNSET
    tokens: Tokens | UnsetType = UNSET
    cost: float | UnsetType = UNSET
    summary: bool = False
    said_at: int | UnsetType = UNSET


class SaidPart(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """One piece of a message. Its id is unique in its message."""

    id: PartId


class StreamedPart(SaidPart, frozen=True, kw_only=True):
    """Text as far as it has been said. `end` is absent while it goes on; `partial`: it was cut off."""

    text: str
    start: int
    end: int | UnsetType = UNSET
    partial: bool = False


class TextPart(StreamedPart, frozen=True, kw_only=True, tag="text"):
    """What the agent or the user says."""


class ReasoningPart(StreamedPart, frozen=True, kw_only=True, tag="reasoning"):
    """What the model thinks aloud."""


class ToolState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a tool call stands; it never goes backwards. `raw` is the input as far as the model has written it, until it
    is known as `input`. `output` grows while the tool runs."""

    status: Literal["pending", "running", "completed", "error"]
    input: Any = UNSET
    raw: str | UnsetType = UNSET
    output: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    error: str | UnsetType = UNSET
    start: int | UnsetType = UNSET
    end: int | UnsetType = UNSET


class ToolPart(SaidPart, frozen=True, kw_only=True, tag="tool"):
    """A tool call. `tool` is its name, absent while only input was streamed. `partial`: the run ended before it did."""

    call: str
    state: ToolState
    tool: str | UnsetType = UNSET
    partial: bool = False


class FilePart(SaidPart, frozen=True, kw_only=True, tag="file"):
    """A file given by either side: `url` is a `data:` or `blob:` URL, or `blob` names stored content."""

    mime: str
    filename: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    blob: Blob | UnsetType = UNSET


class StepStartPart(SaidPart, frozen=True, kw_only=True, tag="step-start"):
    """A model step begins here."""


class StepFinishPart(SaidPart, frozen=True, kw_only=True, tag="step-finish"):
    """A model step ended here; `cost` in US dollars."""

    reason: str
    tokens: Tokens
    cost: float


class RetryPart(SaidPart, frozen=True, kw_only=True, tag="retry"):
    """The provider failed at `created` and is asked again after `next_ms`."""

    attempt: int
    error: str
    created: int
    next_ms: int | UnsetType = UNSET


class PatchPart(SaidPart, frozen=True, kw_only=True, tag="patch"):
    """The files that the run has changed, at the end of the last message it has said. `truncated`: they were more."""

    files: tuple[FileChange, ...]
    truncated: bool = False


Part = TextPart | ReasoningPart | ToolPart | FilePart | StepStartPart | StepFinishPart | RetryPart | PatchPart


class Message(Struct, frozen=True, kw_only=True):
    """One message with its parts, in the order in which they began."""

    info: MessageInfo
    parts: tuple[Part, ...] = ()

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)


def encode_message(message: Message) -> bytes:
    return _encoder.encode(message)


def decode_message(raw: bytes | str) -> Message:
    return _decoder.decode(raw)
