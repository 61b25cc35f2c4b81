"""The frames of the link, hub <-> host (PROTOCOL.md, "Link"). One JSON object per WebSocket text message."""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from roost.model.envelope import Event
from roost.model.errors import InvalidBody
from roost.model.ids import Epoch, RunId, Seq, SessionId
from roost.model.sandbox import Enclosure
from roost.model.unreadable import UNREADABLE

PROTOCOL = 1
"""The link protocol spoken here. A hub accepts its own and the one before."""
MAX_FRAME_BYTES = 4 * 1024 * 1024
MAX_APPEND_EVENTS = 256
MAX_APPEND_BYTES = 1024 * 1024
"""One append frame holds at most this much, or one event."""
MAX_CAPABILITIES_BYTES = 64 * 1024
"""What an agent can do, as JSON; more than this is not told."""


class Frame(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="frame"):
    """One message on the link."""


class Hello(Frame, frozen=True, kw_only=True, tag="hello"):
    """Host: who I am. `produced`: the last producer_seq it has made; `read`: its cursor in the session's log;
    `capabilities`: what its agent can do, once it knows; `sandbox`: what encloses it."""

    protocol: int
    session: SessionId
    epoch: Epoch
    pid: int
    produced: int = 0
    read: Seq = 0
    version: str = ""
    capabilities: dict[str, Any] = {}
    sandbox: Enclosure | UnsetType = UNSET


class Welcome(Frame, frozen=True, kw_only=True, tag="welcome"):
    """Hub: go on. `acked`: the last producer_seq committed in this epoch; `starting`: the seq of the epoch's
    `runtime-starting`, where a host's cursor begins."""

    protocol: int
    acked: int
    starting: Seq


class Refused(Frame, frozen=True, kw_only=True, tag="refused"):
    """Hub: you are not this session's host (any more). Kill your tree, put your spool aside, exit."""

    code: str
    message: str = ""


class Produced(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event as a host sends it."""

    body: Raw
    run: RunId | UnsetType = UNSET


class AppendFrame(Frame, frozen=True, kw_only=True, tag="append"):
    """Host: commit these. The first has producer_seq `first`, the others follow without gaps."""

    first: int
    events: list[Produced]


class Ready(Frame, frozen=True, kw_only=True, tag="ready"):
    """Host: my agent has started, and can do this."""

    capabilities: dict[str, Any] = {}


class Ack(Frame, frozen=True, kw_only=True, tag="ack"):
    """Hub: every event up to producer_seq `acked` is durable; the log's last seq was `seq` then."""

    acked: int
    seq: Seq


class Commands(Frame, frozen=True, kw_only=True, tag="commands"):
    """Hub: the commands of the log after the host's cursor, which moves to `cursor`."""

    cursor: Seq
    events: list[Event] = []


class Beat(Frame, frozen=True, kw_only=True, tag="beat"):
    """Either: I am here."""


class Ask(Frame, frozen=True, kw_only=True, tag="ask"):
    """Either: a request (shell, files). Never retried, never recorded."""

    id: str
    method: str
    params: dict[str, Any] = {}


class Answer(Frame, frozen=True, kw_only=True, tag="answer"):
    """Either: the answer to `ask` with this id: `result`, or `code`, `message` and `details` of an error."""

    id: str
    result: Any = None
    code: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    details: dict[str, Any] = {}


class Bye(Frame, frozen=True, kw_only=True, tag="bye"):
    """Host: all I had is acknowledged, I leave."""

    reason: str = ""


FromHost = Hello | Ready | AppendFrame | Beat | Ask | Answer | Bye
FromHub = Welcome | Refused | Ack | Commands | Beat | Ask | Answer

_encoder = msgspec.json.Encoder()
_from_host = msgspec.json.Decoder(FromHost)
_from_hub = msgspec.json.Decoder(FromHub)


def encode_frame(frame: Frame) -> bytes:
    return _encoder.encode(frame)


def decode_from_host(raw: bytes | str) -> FromHost:
    """Raises: InvalidBody: not a frame a host may send."""
    try:
        return _from_host.decode(raw)
    except UNREADABLE as error:
        raise InvalidBody(f"not a frame: {error}") from None


def decode_from_hub(raw: bytes | str) -> FromHub:
    """Raises: InvalidBody: not a frame a hub may send."""
    try:
        return _from_hub.decode(raw)
    except UNREADABLE as error:
        raise InvalidBody(f"not a frame: {error}") from None
