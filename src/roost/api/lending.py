"""A connection lent to whoever writes pages to it himself, in bytes that many connections share.

A server of ASGI takes messages: for each subscriber a copy of every page, framed once more, and a task to send it. Ours
(server.py) lends its connections, HTTP's and WebSockets, and says so in the scope. Only pages go past it: how an answer
begins and ends, heartbeats, and what a socket is told beside, are messages as ever; reading, keeping the connection and
closing it stay the server's. All go to one transport, in the order in which they are written.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from roost.api.asgi import Scope

LENT: Final = "roost.connection"
"""The extension of the scope that holds a `Connection`."""
HIGH_WATER_BYTES: Final = 64 * 1024
"""Nothing more is written to a connection whose client has left so much to be taken: what waits is at most this and
one page, whose bytes are shared."""


class Connection(Protocol):
    """What is lent. It may be written to between the head of the answer and its end, or while a socket is open."""

    def lend(self, heard: Callable[[], None] | None) -> None:
        """From now on `heard` is called when there is room again, and when the client has gone. None: taken back."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether something may be written. Never again once the client has gone."""
        ...

    @property
    def gone(self) -> bool:
        """Whether the client is."""
        ...

    @staticmethod
    def framed(piece: bytes) -> bytes:
        """This piece of a body, or message, as it goes over any connection of this kind."""
        ...

    def write(self, framed: bytes) -> None:
        """Hand it over: from here on it is the transport's."""
        ...

    async def room(self) -> None:
        """Wait until there is some, or the client has gone."""
        ...


def lent(scope: Scope) -> Connection | None:
    """The connection of this request, if its server lends it."""
    extensions: dict[str, Any] = scope.get("extensions") or {}
    return extensions.get(LENT)


class Lending(asyncio.Protocol):
    """What connections that can be lent have in common, whatever they speak."""

    __slots__ = ("_heard",)  # uvicorn's own attributes are as many as instances can share a dict for: 1.4 KiB each
    lends = True
    """False: everything goes through ASGI."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._heard: Callable[[], None] | None = None

    def lend(self, heard: Callable[[], None] | None) -> None:
        self._heard = heard

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._heard is not None:
            self._heard()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._heard is not None:
            self._heard()


class LendingProtocol(Lending, HttpToolsProtocol):
    """uvicorn's HTTP/1, which implements `Connection` for the request that is being answered."""

    __slots__ = ()

    def on_headers_complete(self) -> None:
        if self.lends and self.scheme == "http":
            scope: Any = self.scope
            scope["extensions"] = {LENT: self}
        super().on_headers_complete()

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as uvicorn's
        super().connection_made(transport)
        transport.set_write_buffer_limits(HIGH_WATER_BYTES)

    def lend(self, heard: Callable[[], None] | None) -> None:
        super().lend(heard)
        if heard is not None:  # nobody asks for the body any more, and who leaves must be heard
            self.cycle.body = bytearray()
            if not self.pipeline:
                self.flow.resume_reading()

    def on_body(self, body: bytes) -> None:
        if self._heard is None or self.pipeline:  # then it is the next request's
            super().on_body(body)

    @property
    def has_room(self) -> bool:
        return not (self.flow.write_paused or self.transport.is_closing())

    @property
    def gone(self) -> bool:
        return self.cycle.disconnected

    @staticmethod
    def framed(piece: bytes) -> bytes:
        """A chunk (RFC 9112, 7.1). An empty one would end the body."""
        return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""

    def write(self, framed: bytes) -> None:
        self.transport.write(framed)

    async def room(self) -> None:
        await self.flow.drain()
