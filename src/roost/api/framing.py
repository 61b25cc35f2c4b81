"""Many messages of a WebSocket in one write, framed once for all who are sent them.

What a server sends is not masked, and we agree on no compression, so the bytes of a frame are the same on every
connection. An ASGI server takes one message at a time; ours (server.py) also takes `FRAMES`, and says so in the scope.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from struct import pack
from typing import Any, Final, cast

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import apply_mask  # pyright: ignore[reportPrivateImportUsage]  # in C where that was built
from websockets.protocol import State

from roost.api.asgi import Scope, Send
from roost.api.lending import LENT, Lending

FRAMES: Final = "roost.frames"
"""The message, and the extension of the scope, that carry whole frames as `data`."""
LIMIT: Final = "roost.limit"
"""The message that allows frames of so many `bytes` from this client, where others may not send as large ones."""
_TEXT: Final = 0x81
"""A text frame that is a whole message."""
_SHORT, _LONG = 125, 0xFFFF
_MASKED: Final = 0x80
_HEAD_BYTES: Final = 14
"""The head of the largest frame, with its mask."""
_WAITING: Final = 1
"""So many messages may wait while one is worked on; with more, the connection is not read."""


def framed(texts: Iterable[bytes]) -> bytes:
    """These texts (UTF-8), each as a message, as they go over the wire (RFC 6455, 5.2)."""
    return b"".join([piece for text in texts for piece in (_head(len(text)), text)])


def takes_frames(scope: Scope) -> bool:
    """Whether the server of this connection does."""
    return FRAMES in (scope.get("extensions") or {})


async def send_frames(send: Send, frames: bytes) -> None:
    """What `framed` has made, when the client has taken what was sent before. Raises: OSError: the client has gone."""
    await send({"type": FRAMES, "data": frames})


async def allow(scope: Scope, send: Send, size: int) -> None:
    """Take frames of so many bytes from this client, if the server can."""
    if takes_frames(scope):
        await send({"type": LIMIT, "bytes": size})


def _head(size: int) -> bytes:
    if size <= _SHORT:
        return bytes((_TEXT, size))
    return pack("!BBH", _TEXT, 126, size) if size <= _LONG else pack("!BBQ", _TEXT, 127, size)


def frame_size(data: bytes | bytearray) -> int | None:
    """How many bytes the frame takes that begins here, its head included; None if too little of the head is there."""
    if len(data) < 2:
        return None
    size, head = data[1] & 0x7F, 2 + (4 if data[1] & _MASKED else 0)
    if size <= _SHORT:
        return head + size
    width = 2 if size == 126 else 8
    return head + width + int.from_bytes(data[2 : 2 + width], "big") if len(data) >= 2 + width else None


def unmasked(frame: bytes | bytearray) -> bytes:
    """What a whole masked frame carries."""
    key = {126: 4, 127: 10}.get(frame[1] & 0x7F, 2)
    return apply_mask(frame[key + 4 :], frame[key : key + 4])


def framing_protocol(*, lends: bool = True) -> "type[FramingProtocol]":
    """`lends`: its connections may be written to directly."""
    return type("Framing", (FramingProtocol,), {"lends": lends})


class _Inbox(deque[Any]):
    """What has come and is not read: `asyncio.Queue` for one reader, at a third of what that costs."""

    _reader: "asyncio.Future[None] | None" = None

    def put_nowait(self, message: Any) -> None:
        self.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        while not self:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self.popleft()

    def empty(self) -> bool:
        return not self


class FramingProtocol(Lending, WebSocketsSansIOProtocol):
    """uvicorn's WebSockets, and `FRAMES`; they implement `Connection`. What comes, mostly one whole text in one frame,
    is taken the short way.

    All else is left to the library, which is given nothing but whole frames, so that it is never in the middle of one.
    """

    __slots__ = ("_begun", "_short")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.queue = cast(Any, _Inbox())
        self._begun = bytearray()
        """Of a frame that has not come to its end."""
        self._short = self.conn.max_message_size is not None

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = self.scope.setdefault("extensions", {}) or {}
        extensions[FRAMES] = {}
        if self.lends and self.scope["scheme"] == "ws":
            extensions[LENT] = self
        await super().run_asgi()

    def shutdown(self) -> None:
        if self.handshake_complete and self.conn.state is not State.OPEN:
            self.close_sent = True  # in answer to a client that is leaving: the library refuses to say it twice
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        conn = self.conn
        if conn.state is not State.OPEN or not self._short:
            self._short = self._short and not self.handshake_initiated  # it may be in the middle of a frame now
            rest, self._begun = self._begun, bytearray()
            super().data_received(bytes(rest) + data)
        elif not self._begun and frame_size(data) == len(data):
            self._take(data)
        else:
            self._begun += data
            self._take_all()

    def _take_all(self) -> None:
        """Every frame that is whole."""
        most = _HEAD_BYTES + cast(int, self.conn.max_message_size)
        while (size := frame_size(self._begun)) is not None:
            if size > most:
                self._short = False
                self.data_received(b"")  # the library refuses it, however little of it is here
                return
            if size > len(self._begun):
                return
            frame = bytes(self._begun[:size])
            del self._begun[:size]
            self._take(frame)

    def _take(self, frame: bytes) -> None:
        """A whole frame."""
        text = self._text(frame)
        if text is None:
            super().data_received(frame)
        elif not self.close_sent:
            self.queue.put_nowait({"type": "websocket.receive", "text": text})
            if len(cast(_Inbox, self.queue)) > _WAITING and not self.read_paused:
                self.read_paused = True
                self.transport.pause_reading()

    def _text(self, frame: bytes) -> str | None:
        """What it says, if it is a whole text in order; None if the library should look at it."""
        conn = self.conn
        whole = frame[0] == _TEXT and frame[1] & _MASKED and conn.state is State.OPEN and conn.current_size is None
        if not whole or len(frame) > cast(int, conn.max_message_size):
            return None
        try:
            return unmasked(frame).decode()
        except UnicodeDecodeError:
            return None

    # --- Connection ---------------------------------------------------------------------------------------------------

    @property
    def has_room(self) -> bool:
        return self.writable.is_set() and not (self.gone or self.transport.is_closing())

    @property
    def gone(self) -> bool:
        return self.disconnected or self.close_sent

    @staticmethod
    def framed(piece: bytes) -> bytes:
        return _head(len(piece)) + piece

    def write(self, framed: bytes) -> None:
        self.transport.write(framed)

    async def room(self) -> None:
        await self.writable.wait()

    # --- ASGI ---------------------------------------------------------------------------------------------------------

    async def send(self, message: Any) -> None:
        if message["type"] == LIMIT:
            self.conn.max_message_size = message["bytes"]
            return
        if self.transport.is_closing() and not self.handshake_complete:
            raise ClientDisconnected  # the server, which stops, has answered already
        if message["type"] != FRAMES:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        self.transport.write(message["data"])
