"""Reading an event stream with nothing in the way: a socket, and the bytes that come."""

import re
import selectors
import socket
import time
from contextlib import closing
from typing import Final

READ_BYTES: Final = 1 << 20
ID: Final = re.compile(rb"(?:^|\n)id: (\d+)\n")
STAMP: Final = re.compile(rb'"T":"(\d{19}) (\d{10})"')
STAMP_BYTES: Final = 64
"""Longer than a stamp: so much of what was read may be the beginning of one."""
PATIENCE_SECONDS: Final = 60.0


def dial(port: int, request: bytes) -> socket.socket:
    """A connection whose request is sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(request)
    except BaseException:
        connection.close()
        raise
    return connection


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    """All bytes up to the read that brings `mark`. Raises: EOFError: the stream ended before it."""
    taken = bytearray()
    while True:
        looked_at = max(0, len(taken) - len(mark))
        chunk = connection.recv(READ_BYTES)
        if not chunk:
            raise EOFError(f"the stream ended before {mark!r}: {bytes(taken[-200:])!r}")
        taken += chunk
        if taken.find(mark, looked_at) >= 0:
            return bytes(taken)


def read_first(port: int, request: bytes, mark: bytes) -> bytes:
    with closing(dial(port, request)) as connection:
        return read_until(connection, mark)


def seqs(stream: bytes) -> list[int]:
    """The `id:` of every event, in the order in which they came."""
    return [int(found) for found in ID.findall(stream)]


class Watch:
    """Streams that are read together, and how late the stamped deltas come that they bring. Each delta must come once,
    in order, on every one of them."""

    def __init__(self, connections: list[socket.socket], *, first: int) -> None:
        """`first`: the number of the first delta whose delay counts."""
        self.delays_ms: list[float] = []
        self._first = first
        self._selector = selectors.DefaultSelector()
        for connection in connections:
            self._selector.register(connection, selectors.EVENT_READ, _Stream(connection))

    def read(self, count: int, seconds: float) -> None:
        """Until every stream has brought `count` deltas. Raises: TimeoutError; AssertionError: one was left out or came
        twice; EOFError: a stream has ended."""
        until = time.monotonic() + seconds
        open_streams = len(self._selector.get_map())
        while open_streams:
            if time.monotonic() > until:
                raise TimeoutError(f"{open_streams} streams have not brought everything")
            for key, _ in self._selector.select(1.0):
                stream: _Stream = key.data
                for stamp in stream.read():
                    if stream.next > self._first:
                        self.delays_ms.append((time.monotonic_ns() - stamp) / 1e6)
                if stream.next == count:
                    self._selector.unregister(key.fileobj)
                    open_streams -= 1


class _Stream:
    """`next`: the number of the delta that it brings next."""

    def __init__(self, connection: socket.socket) -> None:
        self.next = 0
        self._connection = connection
        self._rest = b""

    def read(self) -> list[int]:
        """The stamps (ns) of the deltas that have come."""
        chunk = self._connection.recv(READ_BYTES)
        if not chunk:
            raise EOFError("a stream has ended")
        self._rest += chunk
        stamps: list[int] = []
        end = 0
        for found in STAMP.finditer(self._rest):
            if int(found[2]) != self.next:
                raise AssertionError(f"delta {int(found[2])} came instead of {self.next}")
            stamps.append(int(found[1]))
            self.next += 1
            end = found.end()
        self._rest = self._rest[max(end, len(self._rest) - STAMP_BYTES) :]
        return stamps
