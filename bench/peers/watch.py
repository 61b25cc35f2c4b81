"""Many observers in one thread, each a bare socket whose bytes are kept with the time at which they came: what they say
is read afterwards, so that reading costs no server a thing. Event streams and WebSockets alike."""

import json
import selectors
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from bench.reader import READ_BYTES, dial

END_OF_HEAD: Final = b"\r\n\r\n"
HEAD_BYTES: Final = 4096
"""What the head of an answer may be long."""
TURN_SECONDS: Final = 0.25
_FINAL: Final = 0x80
_CONTENT: Final = (0, 1, 2)
"""Frames of messages: continued, text, binary. The others are of the connection."""


class Refused(Exception):
    """The server did not open the stream; the message has its first line."""


class Block(NamedTuple):
    """One event as the wire has it: its id and name, where it has one, and its data as JSON."""

    id: str
    name: str
    data: Any


class Watcher:
    """One observer. Times are those of `time.perf_counter`."""

    def __init__(self, port: int, request: bytes) -> None:
        self.opened = time.perf_counter()
        self.socket = dial(port, request)
        self.socket.setblocking(False)
        self.chunks: list[tuple[float, bytes]] = []
        self.closed = False
        """By the server."""

    @property
    def raw(self) -> bytes:
        return b"".join(chunk for _, chunk in self.chunks)

    def take(self) -> None:
        """What is there now."""
        try:
            chunk = self.socket.recv(READ_BYTES)
        except ConnectionError:
            chunk = b""
        if chunk:
            self.chunks.append((time.perf_counter(), chunk))
        else:
            self.closed = True

    def is_open(self) -> bool:
        """The head of the answer is here. Raises: Refused: it is no stream."""
        head, end, _ = self.raw[:HEAD_BYTES].partition(END_OF_HEAD)
        words = head.split(b" ", 2)
        if len(words) > 1 and words[1] not in (b"200", b"101"):
            raise Refused(self.raw[:300].decode(errors="replace").splitlines()[0])
        return bool(end)

    def has(self, mark: bytes) -> bool:
        """Whether this is in what came last."""
        before, last = [b"", b"", *(chunk for _, chunk in self.chunks[-2:])][-2:]
        return mark in before[-len(mark) :] + last

    def first(self, wanted: Callable[[bytes], bool]) -> float | None:
        """When it first held for all that had come; None: it never did."""
        taken = b""
        for at, chunk in self.chunks:
            taken += chunk
            if wanted(taken):
                return at
        return None


class Watch:
    """Some observers; closed with it."""

    def __init__(self) -> None:
        self.watchers: list[Watcher] = []
        self._selector = selectors.DefaultSelector()

    def open(self, port: int, requests: Sequence[bytes]) -> list[Watcher]:
        for request in requests:
            watcher = Watcher(port, request)
            self.watchers.append(watcher)
            self._selector.register(watcher.socket, selectors.EVENT_READ, watcher)
        return self.watchers[-len(requests) :]

    def leave(self, watcher: Watcher) -> None:
        if watcher.socket.fileno() >= 0:
            self._selector.unregister(watcher.socket)
            watcher.socket.close()

    def until(self, wanted: Callable[[Watcher], bool], seconds: float) -> bool:
        """Read until it holds, or held once, for each that the server has not left; False: it took longer."""
        waiting = {id(watcher): watcher for watcher in self.watchers if not watcher.closed and not wanted(watcher)}
        limit = time.perf_counter() + seconds
        while waiting:
            left = limit - time.perf_counter()
            if left <= 0:
                return False
            for key, _ in self._selector.select(min(left, TURN_SECONDS)):
                watcher: Watcher = key.data
                watcher.take()
                if watcher.closed:
                    self.leave(watcher)
                if watcher.closed or wanted(watcher):
                    waiting.pop(id(watcher), None)
        return True

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        for watcher in self.watchers:
            self.leave(watcher)
        self._selector.close()


def blocks(raw: bytes) -> list[Block]:
    """The events in what a server has sent, its head included."""
    head, _, rest = raw.partition(END_OF_HEAD)
    if head.startswith(b"HTTP/1.1 101"):
        return [Block("", "", json.loads(text)) for text in messages(rest)]
    if b"transfer-encoding: chunked" in head.lower():
        rest = unchunked(rest)
    return events(rest)


def unchunked(body: bytes) -> bytes:
    """The body without the sizes of its chunks, as far as it has come."""
    whole = bytearray()
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        size = int(body[at:end].partition(b";")[0], 16)
        if not size:
            break
        whole += body[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
    return bytes(whole)


def events(body: bytes) -> list[Block]:
    """Of an event stream; those that are whole and have data."""
    found: list[Block] = []
    for part in body.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        fields: dict[str, str] = {}
        for line in part.decode().splitlines():
            name, _, value = line.partition(":")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value.removeprefix(" ")
        if "data" in fields:
            found.append(Block(fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"] or "null")))
    return found


def messages(body: bytes) -> list[bytes]:
    """Of a WebSocket whose server masks nothing; those that are whole."""
    found: list[bytes] = []
    part, at = b"", 0
    while at + 2 <= len(body):
        kind, size, start = body[at] & 0x0F, body[at + 1] & 0x7F, at + 2
        is_last = body[at] & _FINAL
        if size >= 126:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(body[start : start + width]), start + width
        at = start + size
        if at > len(body):
            break
        if kind in _CONTENT:
            part += body[start:at]
            if is_last:
                found.append(part)
                part = b""
    return found


def get(port: int, path: str, *, cursor: str = "", key: str = "") -> bytes:
    """The bytes that open an event stream."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept: text/event-stream"]
    lines += [f"Last-Event-ID: {cursor}"] if cursor else []
    lines += [f"Authorization: Bearer {key}"] if key else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(port: int, path: str, body: Any) -> bytes:
    """The bytes of a request whose answer nobody waits for."""
    sent = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json"]
    return ("\r\n".join([*lines, f"Content-Length: {len(sent)}"]) + "\r\n\r\n").encode() + sent


def upgrade(port: int, path: str) -> bytes:
    """The bytes that open a WebSocket."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
