"""The agent at the other end of a pipe: JSON-RPC, a message a line. Requests, framing and their errors are
`agent-client-protocol`'s; the pipe is ours, since order and what cannot be read matter to us.

Notifications are heard one after the other, each to its end before the next line is read. So whatever was said before
an answer, or before a request, has been dealt with when that is.
"""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, Protocol, cast

import anyio
import msgspec
from acp import RequestError
from acp.connection import Connection
from msgspec import Struct

from roost.model.errors import AgentFailed, AgentGone, AgentLoginRequired
from roost.ports import Program

MAX_LINE_BYTES: Final = 32 * 1024 * 1024
"""A longer line of an agent is read and thrown away; the log says so."""
KEPT_CHARS: Final = 8 * 1024
"""So much of a line that is no message is kept."""
LOGIN_REQUIRED: Final = -32000
CANCELLED: Final = -32800
"""Codes of the protocol."""

log = logging.getLogger("roost.drivers.acp")


class Listener(Protocol):
    """What an agent is heard by."""

    async def told(self, method: str, params: dict[str, Any]) -> None:
        """A notification. The next one waits until this returns."""
        ...

    async def asked(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """A request: several at a time. Raises: RequestError; ValidationError."""
        ...

    async def strange(self, raw: str, reason: str) -> None:
        """A line that is no message."""
        ...


class _Asked(Struct, frozen=True):
    """The parameters of a request with its id, which the library keeps to itself: without it none can be withdrawn."""

    id: Any
    params: dict[str, Any]
    scope: anyio.CancelScope


class Peer:
    """One process of an agent. Made where its tasks may live on: it is closed by `close`."""

    def __init__(self, name: str, program: Program, listener: Listener) -> None:
        self.program = program
        self._name, self._listener = name, listener
        self._open: dict[Any, anyio.CancelScope] = {}
        self._lines = lines(program.stdout())
        self._gone = False
        self._connection = Connection(self._answer, self)

    @property
    def gone(self) -> bool:
        """It has ended, or does not speak any more."""
        return self._gone

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Raises: AgentGone; AgentLoginRequired; AgentFailed: its own error."""
        try:
            return await self._connection.send_request(method, params) or {}
        except RequestError as error:
            raise self._failure(method, error) from None
        except (ConnectionError, OSError):
            raise AgentGone(f"{self._name} has ended") from None

    async def tell(self, method: str, **params: Any) -> None:
        """A notification; nobody notices if there is no agent any more."""
        try:
            await self._connection.send_notification(method, params)
        except (ConnectionError, OSError):
            self._gone = True

    async def close(self) -> None:
        """The process is gone, with whatever it has started, when this returns."""
        self._gone = True
        with anyio.CancelScope(shield=True):
            await self.program.kill()
            await self._connection.close()

    # --- the library's transport ---

    async def send(self, message: dict[str, Any]) -> None:
        await self.program.write(json.dumps(message, ensure_ascii=False).encode(errors="replace") + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """The next answer or request; notifications are dealt with on the way. None: the end."""
        async for line in self._lines:
            message = await self._read(line)
            if message is None:
                continue
            method, params = message.get("method"), message.get("params")
            if method is None:
                return message
            given = cast("dict[str, Any]", params) if isinstance(params, dict) else {}
            if "id" in message:
                scope = self._open[message["id"]] = anyio.CancelScope()  # the next line may withdraw it
                return {**message, "params": _Asked(message["id"], given, scope)}
            await self._notified(str(method), given)
        self._gone = True
        return None

    async def _read(self, line: bytes | None) -> dict[str, Any] | None:
        """The message in this line; None, and told as strange, if there is none."""
        if line is None:
            await self._listener.strange("", f"a line of over {MAX_LINE_BYTES} bytes")
            return None
        message = _decoded(line)
        if isinstance(message, dict):
            return cast("dict[str, Any]", message)
        if line.strip():
            await self._listener.strange(line[:KEPT_CHARS].decode(errors="replace"), "no message of the protocol")
        return None

    async def _notified(self, method: str, params: dict[str, Any]) -> None:
        if method == "$/cancel_request":
            scope = self._open.get(params.get("requestId"))
            if scope is not None:
                scope.cancel()
            return
        try:
            await self._listener.told(method, params)
        except Exception:
            log.exception("what %s said could not be taken in", self._name)

    async def _answer(self, method: str, params: Any, notification: bool) -> Any:  # the library's
        asked = cast(_Asked, params)
        with asked.scope:
            try:
                return await self._listener.asked(method, asked.params)
            finally:
                del self._open[asked.id]
        raise RequestError(CANCELLED, "the request was withdrawn")

    def _failure(self, method: str, error: RequestError) -> AgentFailed | AgentLoginRequired:
        if error.code == LOGIN_REQUIRED:
            return AgentLoginRequired(f"{self._name} is not logged in: {error}")
        said = _details(error.data)
        return AgentFailed(f"{self._name}: {error}{said}", method=method, rpc_code=error.code)


def _details(data: Any) -> str:
    """What else an error says, in words."""
    if isinstance(data, dict):
        given = cast("dict[str, Any]", data)
        data = given.get("details") or given.get("message") or given
    return f" ({str(cast(object, data))[:1000]})" if data else ""


def _decoded(line: bytes) -> Any:
    """JSON; None if it is none. Half a character, which Python's JSON lets through and the log does not, is replaced:
    the message may be one that somebody waits for."""
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        return msgspec.json.decode(line)
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        return msgspec.json.decode(json.dumps(json.loads(line), ensure_ascii=False).encode(errors="replace"))
    return None


async def lines(chunks: AsyncIterator[bytes], most: int = MAX_LINE_BYTES) -> AsyncIterator[bytes | None]:
    """The lines of a stream; None in place of one of more than `most` bytes."""
    held: list[bytes] = []
    size = 0
    async for chunk in chunks:
        for number, piece in enumerate(chunk.split(b"\n")):
            if number:
                yield b"".join(held) if size <= most else None
                held, size = [], 0
            size += len(piece)
            if size <= most:
                held.append(piece)
            else:
                held = []
    if size and size <= most:
        yield b"".join(held)
