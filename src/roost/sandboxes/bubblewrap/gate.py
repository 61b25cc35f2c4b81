"""The gate in the wall of a network namespace: it stands outside, and lets through to the agent's model hosts alone.

What runs inside hands over sockets that listen in there (enter.py). On most ports the connections are for one address
of this machine, a `door`; on `PROXY_PORT` they speak HTTP to a proxy: `CONNECT` to a model host, or a plain request to
one that is `http`. Everything else is answered 403, and said once in the session's diagnostics.
"""

import logging
import os
import socket
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteReceiveStream, ByteStream, SocketListener, SocketStream, TaskGroup, UNIXSocketStream

PROXY_PORT: Final = 4180
"""On the loopback inside."""
MAX_CONNECTIONS: Final = 256
"""At a time; more wait."""
MAX_WAYS: Final = 128
"""Commands inside that have a way out, at a time."""
MAX_HEAD_BYTES: Final = 16 * 1024
HEAD_SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 30.0
MAX_TOLD: Final = 200
"""Addresses whose refusal is said in the diagnostics."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
HTTPS: Final = 443

log = logging.getLogger("roost.sandbox")


class Passes:
    """Which addresses are let through: `HOST` (port 443), `HOST:PORT`, or a URL. On the loopback each is a door."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self.doors: dict[int, str] = {}
        """The hosts of this machine that are reached at the same port inside."""
        self._hosts: set[tuple[str, int]] = set()
        for host in hosts:
            self.add(host)

    def add(self, address: str) -> None:
        """One that cannot be read is none."""
        with suppress(ValueError):
            found = urlsplit(address if "://" in address else f"https://{address}")
            host = found.hostname
            port = found.port or (80 if found.scheme == "http" else HTTPS)
            if host in LOOPBACK:
                self.doors[port] = host
            elif host:
                self._hosts.add((host, port))

    def open(self, host: str, port: int) -> bool:
        return (host.lower().rstrip("."), port) in self._hosts

    def told(self) -> str:
        """In words."""
        return ", ".join(sorted(host if port == HTTPS else f"{host}:{port}" for host, port in self._hosts)) or "none"


class Gate:
    """Serves what comes through, while `opened` lasts."""

    def __init__(self, place: Path, passes: Passes) -> None:
        """`place`: a folder in which the gate's socket `gate` is made."""
        self.passes = passes
        self._place = place
        self._told: set[str] = set()
        self._room = anyio.CapacityLimiter(MAX_CONNECTIONS)
        self._ways = anyio.CapacityLimiter(MAX_WAYS)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        listener = await SocketListener.from_socket(_bound(self._place / "gate"))
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, self._let_in)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()

    async def _let_in(self, way: SocketStream) -> None:
        """One command inside: the sockets it listens on are served until it is gone."""
        assert isinstance(way, UNIXSocketStream)
        async with way, self._ways, anyio.create_task_group() as tasks:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError, OSError):
                while await self._take(way, tasks):
                    pass
            tasks.cancel_scope.cancel()

    async def _take(self, way: UNIXSocketStream, tasks: TaskGroup) -> bool:
        """The next socket, if it is for a port that is let through; False: nobody in there speaks like that."""
        said, descriptors = await way.receive_fds(2, 1)
        port = int.from_bytes(said, "big")
        if len(descriptors) != 1 or not _listens(descriptors[0]) or not self._known(port):
            for descriptor in descriptors:
                os.close(descriptor)
            return False
        listener = await SocketListener.from_socket(socket.socket(fileno=descriptors[0]))
        door = self.passes.doors.get(port)

        async def serve(inner: SocketStream) -> None:
            async with self._room, inner:
                with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
                    if door is None:
                        await self._proxy(inner)
                    else:
                        await _join(inner, door, port)

        async def accept() -> None:
            async with listener:
                await listener.serve(serve)

        tasks.start_soon(accept)
        await way.send(b"+")
        return True

    def _known(self, port: int) -> bool:
        return port == PROXY_PORT or port in self.passes.doors

    async def _proxy(self, inner: SocketStream) -> None:
        """One request: answered, or passed on with all that follows."""
        with anyio.fail_after(HEAD_SECONDS):
            head, rest = await _head(inner)
            method, target = _request_line(head)
            host, port, path = _address(method, target)
        if not (host and self.passes.open(host, port)):
            await self._refuse(inner, f"{host}:{port}" if host else target)
            return
        if method == "CONNECT":
            await _join(inner, host, port, greeting=b"HTTP/1.1 200 Connection established\r\n\r\n", first=rest)
        else:
            await _join(inner, host, port, first=_plain(head, method, path) + rest)

    async def _refuse(self, inner: SocketStream, address: str) -> None:
        address = address[:200]
        if address not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(address)
            log.warning("the sandbox has refused a connection to %s: it is no model host", address)
        words = (
            f"Roost: {address!r} is not reached from this sandbox, whose network is `model`: the agent's model hosts "
            f"alone ({self.passes.told()}). More: `hosts` in the agent's table, or a session with --network full.\n"
        ).encode()
        head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
        await inner.send(f"{head}Content-Length: {len(words)}\r\n\r\n".encode() + words)


def _bound(path: Path) -> socket.socket:
    """A socket that listens there, for its owner alone. The path may be longer than an address of a socket may be."""
    path.unlink(missing_ok=True)
    place = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound.bind(f"/proc/self/fd/{place}/{path.name}")
        path.chmod(0o600)
        bound.listen(128)
    finally:
        os.close(place)
    return bound


def _listens(descriptor: int) -> bool:
    """Whether it is a TCP socket that listens."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as one:
            return one.family in (socket.AF_INET, socket.AF_INET6) and bool(
                one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            )
    except OSError:
        return False


async def _head(inner: ByteStream) -> tuple[bytes, bytes]:
    """Of a request, and what came behind it. Raises: EndOfStream: there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > MAX_HEAD_BYTES:
            raise anyio.EndOfStream
        data += await inner.receive(MAX_HEAD_BYTES)
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def _request_line(head: bytes) -> tuple[str, str]:
    """Method and target. Raises: EndOfStream: it is no request."""
    words = head.split(b"\r\n")[0].decode("latin-1").split(" ")
    if len(words) != 3:
        raise anyio.EndOfStream
    return words[0].upper(), words[1]


def _address(method: str, target: str) -> tuple[str, int, str]:
    """Host, port and path of a request; no host if it has none that a proxy is asked for."""
    try:
        found = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host, port = found.hostname or "", found.port
    except ValueError:
        return "", 0, ""
    if method == "CONNECT":
        return host, port or HTTPS, ""
    path = (found.path or "/") + (f"?{found.query}" if found.query else "")
    return (host if found.scheme == "http" else ""), port or 80, path


def _plain(head: bytes, method: str, path: str) -> bytes:
    """The head as the server itself is told it, for this request alone."""
    _, *lines = head.rstrip(b"\r\n").split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith((b"proxy-", b"connection:"))]
    first = f"{method} {path} HTTP/1.1".encode("latin-1")
    return b"\r\n".join([first, *kept, b"Connection: close", b"", b""])


async def _join(inner: ByteStream, host: str, port: int, *, greeting: bytes = b"", first: bytes = b"") -> None:
    """Connect, and pass on both ways until both have ended."""
    try:
        with anyio.fail_after(CONNECT_SECONDS):
            outer = await anyio.connect_tcp(host, port)
    except (OSError, TimeoutError) as error:
        log.warning("%s:%s is not reached: %s", host, port, error)
        if greeting:
            await inner.send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return
    async with outer:
        if greeting:
            await inner.send(greeting)
        if first:
            await outer.send(first)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pass_on, inner, outer)
            tasks.start_soon(pass_on, outer, inner)


async def pass_on(source: ByteReceiveStream, sink: ByteStream) -> None:
    """To the end of either; whichever breaks, nobody else notices."""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for data in source:
            await sink.send(data)
    with suppress(OSError, RuntimeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        await sink.send_eof()  # uvloop, of one that is closed already: RuntimeError
