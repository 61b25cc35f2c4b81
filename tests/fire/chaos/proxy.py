"""A TCP proxy that stands between a hub and all who speak to it, and treats their connections badly."""

import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from random import Random

import anyio
from anyio.abc import SocketAttribute, SocketStream

CHUNK_BYTES = 65_536
LINK = b"GET /link"
"""How a host's connection begins."""
ABORT = struct.pack("ii", 1, 0)
"""`SO_LINGER`: closing sends a reset."""
GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)

Delay = Callable[[], float]


class Way:
    """One direction of a connection. Closed, it reads nothing: whoever sends is held up once all buffers are full."""

    def __init__(self) -> None:
        self._open = anyio.Event()
        self._open.set()
        self.delay: Delay | None = None
        """Seconds that the next piece takes longer."""

    def close(self) -> None:
        if self._open.is_set():
            self._open = anyio.Event()

    def open(self) -> None:
        self._open.set()
        self.delay = None

    async def passed(self) -> None:
        await self._open.wait()
        if self.delay is not None:
            await anyio.sleep(self.delay())
            await self._open.wait()


class Connection:
    """`near` is whoever came to the proxy, `far` the hub."""

    def __init__(self, near: SocketStream, far: SocketStream, proxy: "Proxy") -> None:
        self.near, self.far = near, far
        self.up, self.down = Way(), Way()
        self.is_link = False
        """It is a host's."""
        self._proxy = proxy
        self._same = [socket.socket(fileno=os.dup(_descriptor(end))) for end in (near, far)]
        self._scope = anyio.CancelScope()

    async def carry(self) -> None:
        """Until both ends have said that they are done, one has gone, or it is cut."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._pump, self.near, self.far, self.up)
                    tasks.start_soon(self._pump, self.far, self.near, self.down)
        finally:
            for end, same in zip((self.near, self.far), self._same, strict=True):
                with anyio.CancelScope(shield=True), suppress(*GONE):
                    await anyio.aclose_forcefully(end)
                same.close()

    def cut(self) -> None:
        """Reset it on both sides."""
        for same in self._same:
            with suppress(OSError):
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        self._scope.cancel()

    def _greeted(self) -> None:
        self.is_link = True
        if self._proxy.hosts_are_cut_off:
            self.hold()

    def hold(self) -> None:
        self.up.close()
        self.down.close()

    def release(self) -> None:
        self.up.open()
        self.down.open()

    async def _pump(self, source: SocketStream, sink: SocketStream, way: Way) -> None:
        try:
            while True:
                await way.passed()
                piece = await source.receive(CHUNK_BYTES)
                if piece.startswith(LINK):
                    self._greeted()
                await way.passed()
                await sink.send(piece)
        except anyio.EndOfStream:
            with suppress(*GONE, RuntimeError):  # uvloop, where the sink has gone
                await sink.send_eof()
        except GONE:
            self.cut()


def _descriptor(end: SocketStream) -> int:
    """Raises: AttributeError: it broke the moment it was made (anyio on uvloop)."""
    return int(end.extra(SocketAttribute.raw_socket).fileno())


class Proxy:
    """`url` stays the same; `target` is the port of the hub, wherever it is now (0: nowhere)."""

    def __init__(self) -> None:
        self.target = 0
        self.port = 0
        self.connections: set[Connection] = set()
        self.hosts_are_cut_off = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            self.port = int(listener.extra(SocketAttribute.local_port))
            task_status.started()
            await listener.serve(self._take)

    async def _take(self, near: SocketStream) -> None:
        try:
            connection = Connection(near, await anyio.connect_tcp("127.0.0.1", self.target), self)
        except (OSError, AttributeError):
            await near.aclose()
            return
        self.connections.add(connection)
        try:
            await connection.carry()
        finally:
            self.connections.discard(connection)

    def some(self, random: Random, share: float) -> list[Connection]:
        """At least one, if there is any, in any order."""
        there = sorted(self.connections, key=id)
        return random.sample(there, min(len(there), max(1, round(len(there) * share))))

    def cut_off_hosts(self) -> None:
        """None of them reaches the hub, also over a new connection, until `heal`."""
        self.hosts_are_cut_off = True
        for connection in self.connections:
            if connection.is_link:
                connection.hold()

    def heal(self) -> None:
        """What was held goes on."""
        self.hosts_are_cut_off = False
        for connection in self.connections:
            connection.release()
