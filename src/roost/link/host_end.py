"""The host's end of the link: frames in, frames out. No sockets, no clocks, no waiting.

`produce` numbers an event and keeps it until the hub has acknowledged it. A connection is `connected` -> `hello` sent
-> `welcome` received -> appends and commands flow, until `disconnected`; then everything unacknowledged is sent again.
The only way on from `refused` is to leave.
"""

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from roost.link.frames import (
    MAX_APPEND_BYTES,
    MAX_APPEND_EVENTS,
    MAX_CAPABILITIES_BYTES,
    PROTOCOL,
    Ack,
    Answer,
    AppendFrame,
    Ask,
    Beat,
    Bye,
    Commands,
    Frame,
    FromHub,
    Hello,
    Produced,
    Ready,
    Refused,
    Welcome,
)  # fmt: skip
from roost.link.spool import Spool
from roost.model.envelope import Event, encode_body
from roost.model.errors import BodyTooLarge
from roost.model.events import MAX_BODY_BYTES, Native
from roost.model.ids import Epoch, RunId, Seq, SessionId
from roost.model.sandbox import Enclosure
from roost.model.unreadable import MAX_NESTING, UNREADABLE, too_deep

WINDOW_FRAMES = 8
"""At most this many append frames are unacknowledged on a connection."""

_json = msgspec.json.Decoder(Raw)


class Link(StrEnum):
    """Where the connection stands. Only `LIVE` carries appends; `REFUSED` is final."""

    AWAY = "away"
    GREETING = "greeting"
    LIVE = "live"
    REFUSED = "refused"


class HostEnd:
    """One host's end, over all its connections."""

    def __init__(self, session: SessionId, epoch: Epoch, spool: Spool, *, pid: int, version: str = "") -> None:
        self.session, self.epoch, self.spool = session, epoch, spool
        self.link = Link.AWAY
        self.refusal: Refused | None = None
        self.read: Seq = 0
        """The cursor in the session's log: every command up to it has been handed over by `receive`."""
        self.capabilities: dict[str, Any] = {}
        self.sandbox: Enclosure | UnsetType = UNSET
        """What encloses the agent."""
        self._able: dict[str, Any] = {}
        """The capabilities that this connection has been told."""
        self._pid, self._version = pid, version
        self._flying: deque[int] = deque()
        self._others: deque[Frame] = deque()

    # --- the host's side ---

    def produce(self, body: bytes, run: RunId | UnsetType = UNSET, *, last_words: bool = False) -> int:
        """Number this event and keep it; returns its producer_seq. Bytes that are no JSON, or too large for the log,
        become `native`. Raises: SpoolFull: nothing was kept."""
        return self.spool.put(Produced(body=_fitting(body), run=run), last_words=last_words)

    def able(self, capabilities: dict[str, Any]) -> None:
        """The agent has started and can do this: told now, and by every hello from now on. Raises: BodyTooLarge."""
        if len(msgspec.json.encode(capabilities)) > MAX_CAPABILITIES_BYTES:
            raise BodyTooLarge("what the agent says it can do", limit_bytes=MAX_CAPABILITIES_BYTES)
        self.capabilities = capabilities
        self._say_able()

    def say(self, frame: Ask | Answer | Beat | Bye | Ready) -> None:
        """Send this on the present connection; dropped if there is none."""
        if self.link is Link.LIVE:
            self._others.append(frame)

    @property
    def unacknowledged(self) -> int:
        return len(self.spool)

    # --- the connection's side ---

    def connected(self) -> Hello:
        """A connection stands: the frame to send first."""
        self.link = Link.GREETING
        self._able = self.capabilities
        return Hello(
            protocol=PROTOCOL,
            session=self.session,
            epoch=self.epoch,
            pid=self._pid,
            produced=self.spool.produced,
            read=self.read,
            version=self._version,
            capabilities=self.capabilities,
            sandbox=self.sandbox,
        )

    def disconnected(self) -> None:
        """The connection is gone; what it carried may or may not have arrived."""
        if self.link is not Link.REFUSED:
            self.link = Link.AWAY
        self._flying.clear()
        self._others.clear()
        self.spool.rewind()

    def refuse(self, code: str, message: str = "") -> None:
        """The hub does not want this host any more."""
        self.link = Link.REFUSED
        self.refusal = Refused(code=code, message=message)

    def receive(self, frame: FromHub) -> Sequence[Event]:
        """Take a frame; returns the commands to act on, in order, each once over all connections."""
        match frame:
            case Welcome():
                self._welcomed(frame)
            case Ack():
                self._acked(frame.acked)
            case Commands():
                return self._commands(frame)
            case Refused():
                self.refuse(frame.code, frame.message)
            case _:
                pass
        return ()

    def outgoing(self) -> list[Frame]:
        """The frames to send now. Call again after each `receive` and `produce`."""
        if self.link is not Link.LIVE:
            return []
        frames: list[Frame] = list(self._others)
        self._others.clear()
        while len(self._flying) < WINDOW_FRAMES:
            first = (self._flying[-1] if self._flying else self.spool.acked) + 1
            events = self.spool.take(MAX_APPEND_EVENTS, MAX_APPEND_BYTES)
            if not events:
                break
            frames.append(AppendFrame(first=first, events=events))
            self._flying.append(first + len(events) - 1)
        return frames

    def _welcomed(self, frame: Welcome) -> None:
        if frame.acked > self.spool.produced:
            self.refuse("producer_gap", "another host has written in this epoch")
            return
        self.link = Link.LIVE
        self.read = max(self.read, frame.starting)
        self.spool.ack(frame.acked)
        self._say_able()

    def _say_able(self) -> None:
        """What the last hello did not know yet."""
        if self.link is Link.LIVE and self._able != self.capabilities:
            self._able = self.capabilities
            self.say(Ready(capabilities=self.capabilities))

    def _acked(self, seq: int) -> None:
        self.spool.ack(seq)
        while self._flying and self._flying[0] <= seq:
            self._flying.popleft()

    def _commands(self, frame: Commands) -> Sequence[Event]:
        fresh = [event for event in frame.events if event.seq > self.read]
        self.read = max(self.read, frame.cursor, fresh[-1].seq if fresh else 0)
        return fresh


def _fitting(body: bytes) -> Raw:
    """The body as it can be sent: JSON, in one line, not too large."""
    if len(body) > MAX_BODY_BYTES:
        return _native(reason=f"body of {len(body)} bytes is larger than {MAX_BODY_BYTES}")
    if too_deep(body):
        text = body.decode(errors="replace")[: MAX_BODY_BYTES // 8]
        return _native(raw=text, reason=f"nested more than {MAX_NESTING} deep")
    try:
        raw = _json.decode(body)
    except UNREADABLE as error:
        return _native(raw=body.decode(errors="replace")[: MAX_BODY_BYTES // 8], reason=f"not JSON: {error}")
    return Raw(body.replace(b"\n", b" ")) if b"\n" in body else raw


def _native(*, reason: str, raw: str | None = None) -> Raw:
    return Raw(encode_body(Native(raw=raw, reason=reason, source="host")))
