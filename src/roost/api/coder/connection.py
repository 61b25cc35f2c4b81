"""A socket of theirs that was accepted, whoever is at its other end, and what is said before it closes."""

from contextlib import suppress
from typing import Final

import anyio
from msgspec import UNSET

from roost.api.asgi import Message, Receive, Scope, Send
from roost.api.coder import closing, frames
from roost.api.coder.live import Frame, Page
from roost.api.coder.sse import shutdown
from roost.api.framing import FRAMES, framed, send_frames, takes_frames
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model.errors import HubStopping, InvalidBody, RoostError, Unauthorized

TEXTS: Final = "texts"
KEY_SECONDS: Final = 5.0
"""How long a socket that shows no key may take to send one."""
BEAT: Final[Message] = {"type": "websocket.send", "text": '{"type":"pong","timestamp":0}'}
"""Says that the hub is there: their clients reconnect after 30 s without any frame."""


class Connection:
    """A socket that was accepted, whoever is at its other end. `greeted`: `init` was sent."""

    def __init__(self, hub: Hub, scope: Scope, receive: Receive, send: Send) -> None:
        self.hub = hub
        self.scope = scope
        self.receive = receive
        self.send = send
        self._takes_frames = takes_frames(scope)
        self.greeted = False
        self.session: Session | None = None
        """Known once it is admitted."""

    async def tell(self, text: str) -> None:
        await self.send({"type": "websocket.send", "text": text})

    async def tell_page(self, page: Page, wanted: frozenset[str]) -> None:
        """What of a page is wanted: in one write, of bytes that all who want the same are sent."""
        if self._takes_frames:
            if frames := page.rendered(FRAMES, wanted, _framed):
                await send_frames(self.send, frames)
            return
        for text in page.rendered(TEXTS, wanted, _texts):
            await self.tell(text)

    async def greet(self, session: Session, init: frames.Init) -> None:
        self.session = session
        await self.tell(frames.text(init))
        self.greeted = True

    def misread(self, session: Session, error: RoostError) -> str:
        """What is told of a frame that could not be read, or carried out."""
        told = frames.Misread(
            code=error.code, message=error.message, timestamp=self.hub.now_ms(), session_id=session.id
        )
        return frames.text(told)

    async def close(self, why: RoostError | None) -> None:
        """Say why, as far as their clients can bear it, and close."""
        code = closing.code_of(why)
        with suppress(OSError, RuntimeError):  # the client closed first
            if why is not None and not self.greeted and code not in closing.COME_BACK:
                told = frames.Rejected(code=why.code, message=why.message, timestamp=self.hub.now_ms())
                await self.tell(frames.text(told))
            if isinstance(why, HubStopping) and self.session is not None and self.greeted:
                await self.tell(shutdown(self.hub, self.session).decode())
            await self.send({"type": "websocket.close", "code": code, "reason": "" if why is None else why.code})


async def key_in_a_frame(receive: Receive) -> str:
    """Raises: Unauthorized: the first frame does not come in time, or carries no key."""
    message: Message = {"type": "websocket.disconnect"}
    with anyio.move_on_after(KEY_SECONDS):
        message = await receive()
    with suppress(InvalidBody):
        head = frames.head_of(bytes_of(message)[: frames.MAX_FRAME_BYTES])
        if head.authorization is not UNSET:
            return head.authorization
    raise Unauthorized("neither the address, nor a header, nor the first frame carries a key")


def bytes_of(message: Message) -> bytes:
    return (message.get("text") or "").encode() or message.get("bytes") or b""


def _framed(shown: list[Frame]) -> bytes:
    return framed([frame.data for frame in shown])


def _texts(shown: list[Frame]) -> list[str]:
    return [frame.data.decode() for frame in shown]
