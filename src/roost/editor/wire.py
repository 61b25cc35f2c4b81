"""JSON-RPC on standard input and output, a message a line. Requests and answers are `agent-client-protocol`'s."""

import asyncio
import io
import json
import logging
import os
import stat
from typing import Any, Final, Protocol, cast

import anyio
from anyio import to_thread

SLOW: Final = ("session/prompt",)
"""Requests that are answered when they will: an editor that goes does not wait for these."""
MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""A longer line ends the connection: pictures in a prompt are base64."""

log = logging.getLogger("roost.editor")


class Pipe:
    """The library's transport. Messages leave in the order of the calls. The numbers of requests that carry a name of
    ours are remembered, so that they can be withdrawn."""

    def __init__(self, reader: asyncio.StreamReader, writer: "Writer") -> None:
        self._reader, self._writer = reader, writer
        self.ended = anyio.Event()
        self._numbers: dict[str, Any] = {}
        self._owed: set[Any] = set()
        self._paid = anyio.Event()
        self._awaited: list[tuple[Any, anyio.Event]] = []

    def sent(self, answer: dict[str, Any]) -> anyio.Event:
        """Set once this very answer has left: what is told of a session comes behind the answer that opens it."""
        event = anyio.Event()
        self._awaited.append((answer, event))
        return event

    async def settled(self) -> None:
        """Returns when the editor has gone, and everything it has asked is answered, but for what is slow."""
        await self.ended.wait()
        while self._owed:
            self._paid = anyio.Event()
            await self._paid.wait()

    async def send(self, message: dict[str, Any]) -> None:
        if "id" in message and "method" in message:
            self._remember(message)
        self._writer.write(json.dumps(message, ensure_ascii=False).encode(errors="replace") + b"\n")
        for answer, event in self._awaited:
            if message.get("result") is answer:
                event.set()
        if "method" not in message:
            self._owed.discard(message.get("id"))
            self._paid.set()
        self._awaited = [each for each in self._awaited if not each[1].is_set()]
        await self._writer.drain()

    async def receive(self) -> dict[str, Any] | None:
        while line := await self._line():
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                log.warning("a line that is no message: %.200r", line)
                continue
            if isinstance(message, dict):
                return self._read(cast("dict[str, Any]", message))
        self.ended.set()
        return None

    async def close(self) -> None:
        self.ended.set()

    async def _line(self) -> bytes:
        """Empty: the end."""
        try:
            return await self._reader.readline()
        except (ValueError, OSError) as error:  # too long
            log.error("the connection ends: %s", error)
            return b""

    def _read(self, message: dict[str, Any]) -> dict[str, Any]:
        if "id" in message and "method" in message and message["method"] not in SLOW:
            self._owed.add(message["id"])
        return message

    def number_of(self, name: str) -> Any:
        """Of the request that carries this name; None: it is answered."""
        return self._numbers.get(name)

    def forget(self, params: dict[str, Any]) -> None:
        """The request with these parameters is over."""
        self._numbers.pop(_name(params), None)

    def _remember(self, message: dict[str, Any]) -> None:
        if name := _name(message.get("params", {})):
            self._numbers[name] = message["id"]


def _name(params: dict[str, Any]) -> str:
    """What of ours a request is about."""
    return str(params.get("_meta", {}).get("roost", {}).get("request", ""))


async def open_pipe() -> Pipe:
    """Of this process. What else is printed goes to standard error from now on."""
    out = os.dup(1)
    os.dup2(2, 1)
    return Pipe(await _reader(0), await _writer(out))


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    file = os.fdopen(descriptor, "rb", buffering=0, closefd=False)
    if _is_pipe(descriptor):
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    else:
        reader.feed_data(await to_thread.run_sync(file.read))
        reader.feed_eof()
    return reader


async def _writer(descriptor: int) -> "Writer":
    file = os.fdopen(descriptor, "wb", buffering=0)
    if not _is_pipe(descriptor):
        return _File(file)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, file)
    return asyncio.StreamWriter(transport, protocol, None, loop)


class Writer(Protocol):
    """What messages leave by."""

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...


class _File:
    """Neither pipe nor socket, which is all that an event loop can write to without waiting."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(data)

    async def drain(self) -> None:
        pass


def _is_pipe(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
