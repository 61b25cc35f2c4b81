"""Streams that are open, so that a hub that stops can end them; and the one loop that writes a stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final, TypeVar, cast

import structlog
from anyio import CancelScope

from roost.api.asgi import Header, Receive, Send
from roost.model.errors import RoostError

P = TypeVar("P")
BEAT: Final = b": beat\n\n"
OPENING: Final = b"retry: 1000\n\n"
HEADERS: Final[list[Header]] = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

_log = structlog.get_logger("roost.api")


class Streams:
    """All open streams of one app. A stream is two tasks: the request's own, which writes, and one that listens."""

    def __init__(self, beat_seconds: float) -> None:
        self._beat_seconds = beat_seconds
        self._open: set[CancelScope] = set()
        self._ended = False

    def end(self) -> None:
        """End every stream properly, and every later one at once: clients reconnect."""
        self._ended = True
        for scope in list(self._open):
            scope.cancel()

    async def run(
        self, receive: Receive, send: Send, pages: AsyncIterator[P], render: Callable[[P], bytes], **about: str
    ) -> None:
        """Write what `render` makes of each page until the pages end, the client leaves or the hub stops. `about`: what
        the log says of this stream."""
        _log.debug("stream begins", **about)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": OPENING, "more_body": True})
        with CancelScope() as stream:
            # A bare task, and a bare timeout in it: a task group and a scope for each would make an idle stream a
            # fifth heavier. It ends with this block, and `_listen` raises nothing.
            listener = asyncio.create_task(_listen(receive, send, self._beat_seconds, stream))
            self._open.add(stream)
            if self._ended:
                stream.cancel()
            try:
                await _write(send, pages, render)
            except (RoostError, OSError) as error:
                _log.debug("stream ended early", reason=str(error), **about)
            except Exception as error:  # noqa: BLE001  # the answer has begun: all that is left is to end it
                _log.error("stream broke", exc_info=error, **about)
            finally:
                self._open.discard(stream)
                listener.cancel()
        await send({"type": "http.response.body", "body": b""})


async def _write(send: Send, pages: AsyncIterator[P], render: Callable[[P], bytes]) -> None:
    """The hot path: a page that all observers share, bytes that were rendered once, one write."""
    async with aclosing(cast("AsyncGenerator[P, None]", pages)):
        async for page in pages:
            if body := render(page):
                await send({"type": "http.response.body", "body": body, "more_body": True})


async def _listen(receive: Receive, send: Send, beat_seconds: float, stream: CancelScope) -> None:
    """Notices that the client has gone, and says between two looks that the hub has not. Cancelling `receive` loses
    nothing: only a disconnect matters."""
    while True:
        try:
            async with asyncio.timeout(beat_seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            await send({"type": "http.response.body", "body": BEAT, "more_body": True})
        else:
            stream.cancel()
            return
