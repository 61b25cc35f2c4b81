"""Reading an event stream with nothing in the way: a socket, and the bytes that come."""

import re
import socket
from contextlib import closing
from typing import Final

READ_BYTES: Final = 1 << 20
ID: Final = re.compile(rb"(?:^|\n)id: (\d+)\n")
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
