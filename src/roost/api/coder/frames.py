"""The frames of a socket of theirs, both ways (hub-wire 10.3, 10.4): JSON objects that `type` tells apart."""

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from roost.api.coder import pi
from roost.api.coder.shapes import Shape
from roost.model.errors import BodyTooLarge, InvalidBody
from roost.model.record import Record
from roost.model.unreadable import MAX_NESTING, UNREADABLE, too_deep

T = TypeVar("T")
MAX_FRAME_BYTES: Final = 1024 * 1024
"""The largest frame of an observer or controller. A lead's may be as large as the server takes."""
Role = Literal["lead", "sub_agent", "observer", "controller"]

_encoder = msgspec.json.Encoder(enc_hook=str)


class Head(Struct, frozen=True):
    """What every frame of a client begins with. The frame that carries a key has no `type`."""

    type: str | UnsetType = UNSET
    authorization: str | UnsetType = UNSET
    id: str | int | UnsetType = UNSET


class ModelName(Shape, frozen=True, kw_only=True):
    provider: str
    id: str


class Reported(Struct, frozen=True):
    """`data` is read only where it is kept: some of it is large, and private."""

    event: str
    data: Raw = Raw(b"{}")
    id: str | int | UnsetType = UNSET


class Init(Shape, frozen=True, kw_only=True, tag_field="type", tag="init"):
    """The first frame of the hub. The agents of this hub bring their own tools, agents and commands."""

    role: Role
    session_id: str
    label: str
    tools: tuple[()]
    agents: Sequence[Struct]
    commands: tuple[()]
    task: str | UnsetType = UNSET
    model: ModelName | UnsetType = UNSET
    agent_role: str | UnsetType = UNSET
    resume: dict[str, str] | UnsetType = UNSET


def init_of(
    record: Record,
    role: Role,
    agents: Sequence[Struct] = (),
    agent: str | None = None,
    resume: dict[str, str] | UnsetType = UNSET,
) -> Init:
    """`agents`: those a lead may hand tasks to; `agent`: the role of a sub-agent; `resume`: of the driver before
    (session_file.py)."""
    model = pi.model_of(record.model)
    return Init(
        role=role,
        session_id=record.session,
        label=record.label,
        tools=(),
        agents=agents,
        commands=(),
        task=record.task,
        model=UNSET if model is None else ModelName(**model),
        agent_role=agent or UNSET,
        resume=resume,
    )


class Rejected(Shape, frozen=True, kw_only=True, tag_field="type", tag="connection_rejected"):
    """Refused for good, before `init`."""

    code: str
    message: str
    timestamp: int
    session_id: str | UnsetType = UNSET


class Misread(Shape, frozen=True, kw_only=True, tag_field="type", tag="protocol_error"):
    """A frame could not be read; the socket stays."""

    code: str
    message: str
    timestamp: int
    session_id: str


class Pong(Shape, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    timestamp: int
    echoed_timestamp: float | UnsetType = UNSET


class CommandFailed(Shape, frozen=True, kw_only=True, tag_field="type", tag="rpc_command_error"):
    """A command was not carried out. Their terminal ends the prompt that runs, and shows the text."""

    error: str
    code: str
    command: str


class Answer(Shape, frozen=True, kw_only=True, tag_field="type", tag="response"):
    id: str | int
    command: str
    success: bool
    data: Any = UNSET
    error: str | UnsetType = UNSET


class Answered(Shape, frozen=True, kw_only=True, tag_field="type", tag="rpc_response"):
    response: Answer


class RpcCommand(Shape, frozen=True, kw_only=True, tag_field="type", tag="rpc_command"):
    """To a lead: carry this out."""

    command: Any


class UiResponse(Shape, frozen=True, kw_only=True, tag_field="type", tag="rpc_ui_response"):
    """To a lead: what a person has answered to its dialog."""

    id: str
    result: Any


class Actions(Struct, frozen=True, kw_only=True):
    """The answer to a request of a lead: there is nothing to do but to go on."""

    id: str | int | UnsetType = UNSET
    actions: tuple[dict[str, Any], ...] = ({"action": "ACK"},)


class _Ping(Struct, frozen=True):
    timestamp: float | UnsetType = UNSET


def pong(ping: bytes, now: int) -> Pong:
    """The answer to a `ping`, at `now` (ms). Raises: InvalidBody."""
    return Pong(timestamp=now, echoed_timestamp=decoded(ping, _Ping).timestamp)


def head_of(frame: bytes) -> Head:
    """Raises: InvalidBody: not a JSON object."""
    return outlined(frame, Head)


def outlined(data: bytes, kind: type[T]) -> T:
    """What is said of a frame beside content that may be large, and is passed over or kept as it is (`Raw`).

    Raises: InvalidBody.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        raise InvalidBody(str(error)) from None


def decoded(data: bytes | Raw, kind: type[T]) -> T:
    """Raises: InvalidBody: it does not fit, or is nested too deeply."""
    if too_deep(bytes(data)):
        raise InvalidBody(f"nested more than {MAX_NESTING} deep")
    return outlined(bytes(data), kind)


def check_size(frame: bytes, limit: int = MAX_FRAME_BYTES) -> None:
    """Raises: BodyTooLarge."""
    if len(frame) > limit:
        raise BodyTooLarge(f"a frame of {len(frame)} bytes", limit_bytes=limit)


def text(frame: Struct) -> str:
    return _encoder.encode(frame).decode()
