"""Real servers on loopback: one that answers HTTP as a test tells it, down to where a connection breaks; and one that
stands between a client and its hub."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import anyio
import msgspec
from anyio.abc import SocketAttribute, SocketStream


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Answering:
    """What a handler writes to. Leaving the handler without a length closes the connection."""

    stream: SocketStream

    async def send(self, status: int, body: object = None, *, kind: str = "application/json") -> None:
        """A whole answer; the connection stays open for the next request."""
        raw = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(raw)}\r\n\r\n"
        await self.stream.send(head.encode() + raw)

    async def problem(self, status: int, code: str, detail: str = "", **details: object) -> None:
        said = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code, **details}
        await self.send(status, said, kind="application/problem+json")

    async def begin_stream(self) -> None:
        await self.stream.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 1000\n\n")

    async def events(self, *seqs: int) -> None:
        await self.stream.send(b"".join(frame(seq) for seq in seqs))


Handler = Callable[[Request, Answering], Awaitable[object]]


def frame(seq: int, *, at: int | None = None) -> bytes:
    event = {"seq": seq, "at": 1, "body": {"type": "text-delta", "message": "m", "part": "p", "delta": f"{seq}"}}
    return b"id: %d\nevent: text-delta\ndata: %s\n\n" % (at or seq, msgspec.json.encode(event))


@dataclass
class Loopback:
    """Requests are answered by the handlers in turn; the last one answers all that follow."""

    handlers: list[Handler]
    url: str = ""
    requests: list[Request] = field(default_factory=list)

    async def serve(self, stream: SocketStream) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async with stream:
                while (request := await read_request(stream)) is not None:
                    self.requests.append(request)
                    handler = self.handlers[min(len(self.requests), len(self.handlers)) - 1]
                    if await handler(request, Answering(stream)) is not KEEP:
                        return


KEEP = object()
"""What a handler returns to keep the connection for the next request."""


async def read_request(stream: SocketStream) -> Request | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        try:
            raw += await stream.receive()
        except anyio.EndOfStream:
            return None
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += await stream.receive()
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


@asynccontextmanager
async def loopback(*handlers: Handler, port: int = 0) -> AsyncGenerator[Loopback]:
    server = Loopback(list(handlers))
    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port, reuse_port=False) as listener:
        server.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, server.serve)
            yield server
            tasks.cancel_scope.cancel()


@dataclass
class Relay:
    """Passes connections on to a hub, and can be cut. While it is `deaf`, what the hub says is let go."""

    port: int
    url: str = ""
    deaf: bool = False
    passed: int = 0
    """Connections so far."""
    open: set[anyio.CancelScope] = field(default_factory=set)

    def cut(self) -> None:
        for scope in self.open:
            scope.cancel()

    async def serve(self, client: SocketStream) -> None:
        self.passed += 1
        async with client:
            with suppress(OSError), anyio.CancelScope() as scope:
                self.open.add(scope)
                async with await anyio.connect_tcp("127.0.0.1", self.port) as hub:
                    await self.join(client, hub)
            self.open.discard(scope)

    async def join(self, client: SocketStream, hub: SocketStream) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.pump, client, hub, tasks.cancel_scope)
            await self.pump(hub, client, tasks.cancel_scope, heard=True)

    async def pump(
        self, source: SocketStream, sink: SocketStream, until: anyio.CancelScope, *, heard: bool = False
    ) -> None:
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            while True:
                piece = await source.receive()
                if not (heard and self.deaf):
                    await sink.send(piece)
        until.cancel()


@asynccontextmanager
async def relay(url: str) -> AsyncGenerator[Relay]:
    """A relay before the hub at this URL."""
    passing = Relay(int(urlsplit(url).port or 0))
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        passing.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, passing.serve)
            yield passing
            tasks.cancel_scope.cancel()
