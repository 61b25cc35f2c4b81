"""Many messages of a WebSocket in one write, framed once for all who are sent them.

What a server sends is not masked, and we agree on no compression, so the bytes of a frame are the same on every
connection. An ASGI server takes one message at a time; ours (server.py) also takes `FRAMES`, and says so in the scope.
"""

from collections.abc import Iterable
from struct import pack
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from roost.api.asgi import Scope, Send

FRAMES: Final = "roost.frames"
"""The message, and the extension of the scope, that carry whole frames as `data`."""
LIMIT: Final = "roost.limit"
"""The message that allows frames of so many `bytes` from this client, where others may not send as large ones."""
_TEXT: Final = 0x81
"""A text frame that is a whole message."""
_SHORT, _LONG = 125, 0xFFFF


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


class FramingProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSockets, and `FRAMES`."""

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = self.scope.setdefault("extensions", {}) or {}
        extensions[FRAMES] = {}
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        if message["type"] == LIMIT:
            self.conn.max_message_size = message["bytes"]
            return
        if message["type"] != FRAMES:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        self.transport.write(message["data"])
