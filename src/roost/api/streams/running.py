"""Streams that are open: one heartbeat for all of them, and their end when the hub stops."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing, suppress
from typing import Any, Final, cast

import anyio
import structlog
from anyio import CancelScope
from anyio.lowlevel import checkpoint

from roost.api.asgi import Exchange, Header, Message, Receive, Send
from roost.api.lending import lent
from roost.api.streams.direct import Reader
from roost.api.streams.source import Source, Watched
from roost.api.streams.visit import Visit
from roost.model.errors import RoostError

BEAT: Final[Message] = {"type": "http.response.body", "body": b": beat\n\n", "more_body": True}
SOCKET_BEAT: Final[Message] = {"type": "websocket.send", "text": '{"type":"beat"}'}
BEATS_AT_ONCE: Final = 100
"""So many streams are told before others have their turn."""
OPENING: Final = b"retry: 1000\n\n"
HEADERS: Final[list[Header]] = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

_log = structlog.get_logger("roost.api")


class _Stream:
    """One stream or socket, as far as heartbeat and end are concerned; open while it is entered."""

    __slots__ = ("_among", "_beat", "_beating", "_send", "scope")

    def __init__(self, among: "set[_Stream]", send: Send, scope: CancelScope, beat: Message) -> None:
        self.scope = scope
        self._among = among
        self._beat = beat
        self._send = send
        self._beating = False

    def __enter__(self) -> None:
        self._among.add(self)

    def __exit__(self, *_: object) -> None:
        self._among.discard(self)

    async def beat(self) -> None:
        """Say that the hub is there; nothing if the last time has not gone out yet: this reader is slow, not silent."""
        if self._beating:
            return
        self._beating = True
        try:
            await self._send(self._beat)
        except (OSError, RuntimeError):
            return  # it has just ended; its listener knows
        finally:
            self._beating = False


class Streams:
    """All open streams of one app."""

    def __init__(self, beat_seconds: float) -> None:
        self._beat_seconds = beat_seconds
        self._open: set[_Stream] = set()
        self._ended = False

    def end(self) -> None:
        """End every stream properly, and every later one at once: clients reconnect."""
        self._ended = True
        for stream in list(self._open):
            stream.scope.cancel()

    async def beat(self) -> None:
        """The heartbeat of all streams, until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                await anyio.sleep(self._beat_seconds)
                for number, stream in enumerate(list(self._open), 1):
                    tasks.start_soon(stream.beat)
                    if not number % BEATS_AT_ONCE:
                        await checkpoint()

    @property
    def ended(self) -> bool:
        """Whether the hub stops."""
        return self._ended

    def open(self, send: Send, scope: CancelScope, beat: Message = BEAT) -> AbstractContextManager[None]:
        """While the block runs, a stream has its heartbeat; its scope is cancelled when the hub stops."""
        if self._ended:
            scope.cancel()
        return _Stream(self._open, send, scope, beat)

    async def run(
        self, exchange: Exchange, visit: Visit, source: Source[Any], farewell: bytes = b"", **about: str
    ) -> None:
        """Show the source until it ends, the client leaves, its visit is over or the hub stops, which `farewell` tells.
        `about`: what the log says of this stream."""
        send = exchange.send
        _log.debug("stream begins", **about)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": OPENING, "more_body": True})
        with CancelScope() as scope:
            try:
                with self.open(send, scope), visit.begin(scope):
                    await _show(exchange, source, scope)
            except* (RoostError, OSError) as errors:
                _log.debug("stream ended early", reason=str(errors.exceptions[0]), **about)
            except* Exception as errors:  # noqa: BLE001  # the answer has begun: all that is left is to end it
                _log.error("stream broke", exc_info=errors, **about)
        with suppress(OSError, RuntimeError):  # the client has gone just now
            await send({"type": "http.response.body", "body": farewell if self._ended else b""})


async def _show(exchange: Exchange, source: Source[Any], scope: CancelScope) -> None:
    """Directly, if the connection is lent and what is shown is near; else in messages of ASGI."""
    first, cursor = await source.begin()
    if first:
        await exchange.send({"type": "http.response.body", "body": first, "more_body": True})
    connection = lent(exchange.scope)
    if connection is not None and isinstance(source, Watched):
        await Reader(connection, source, cursor).run()
        return
    async with asyncio.TaskGroup() as tasks:  # anyio's takes 3 KiB more of every idle stream
        listener = tasks.create_task(_listen(exchange.receive, scope))
        try:
            await _send_pages(exchange.send, source, cursor)
        finally:
            listener.cancel()


async def _send_pages(send: Send, source: Source[Any], cursor: int) -> None:
    """A page that all observers share, bytes that were rendered once, one message."""
    render = source.renderer(bytes)
    async with aclosing(cast("AsyncGenerator[Any, None]", source.follow(cursor))) as pages:
        async for page in pages:
            if body := render(page):
                await send({"type": "http.response.body", "body": body, "more_body": True})


async def _listen(receive: Receive, stream: CancelScope) -> None:
    """Notices that the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.cancel()
