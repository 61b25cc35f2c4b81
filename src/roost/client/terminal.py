"""A terminal at the screen of a session's agent (PROTOCOL.md, section 13): for a person's own terminal, or a program
that drives the agent as a person would."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from roost.client.answers import refusal_of
from roost.client.wire import SILENCE_SECONDS, Wire, gateway
from roost.model.errors import BodyTooLarge, Forbidden, HubUnreachable, LinkDown
from roost.model.screens import MAX_KEYS_BYTES, Shown

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

ENDED: Final = 1000
"""The close code after the last there is to see."""


class _Frame(Struct, frozen=True):
    type: str
    status: int = 0
    writes: bool = False


class AsyncTerminal:
    """Open: `async with session.terminal() as it`. One task may read, another write. What is not read is not sent: the
    next `read` goes on with the present."""

    def __init__(self, wire: Wire, connection: "ClientConnection", writes: bool) -> None:
        self._wire, self._connection, self._writes = wire, connection, writes

    @property
    def writes(self) -> bool:
        """Whether what is typed here goes to the agent; else it only shows."""
        return self._writes

    async def read(self) -> bytes:
        """What a terminal is to be sent next: the whole screen first, then what changes. Empty: there is nothing more
        to see, since the session sleeps or is over.

        Raises: LinkDown, HubUnreachable, HubStopping: open another; SessionNotFound; what was wrong with keys."""
        import anyio
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                with anyio.fail_after(SILENCE_SECONDS):
                    frame = await self._connection.recv()
                if isinstance(frame, bytes):
                    return frame
                _raise_problem(frame)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code == ENDED:
                return b""
            raise self._wire.lost(closed) from None
        except TimeoutError as error:
            raise self._wire.lost(error) from None

    async def write(self, keys: bytes | str) -> None:
        """As a terminal sends them: `\\r` for Enter, `\\x1b` for Escape.

        Raises: Forbidden: this terminal only shows; BodyTooLarge: over 64 KiB; HubUnreachable."""
        data = keys.encode() if isinstance(keys, str) else keys
        if not self._writes:
            raise Forbidden("This terminal only looks: what is typed here goes nowhere.")
        if len(data) > MAX_KEYS_BYTES:
            raise BodyTooLarge(f"keys: at most {MAX_KEYS_BYTES} bytes at once", limit_bytes=MAX_KEYS_BYTES)
        await self._send(data)

    async def resize(self, columns: int, rows: int) -> None:
        """The terminal has another size now: 10 to 500 by 4 to 300. Raises: HubUnreachable."""
        await self._send(msgspec.json.encode({"type": "resize", "columns": columns, "rows": rows}).decode())

    async def _send(self, frame: bytes | str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(frame)
        except ConnectionClosed as closed:
            raise self._wire.lost(closed) from None


class AsyncAtScreen:
    """What of a session handle is about its agent's own screen (AsyncSession)."""

    _wire: Wire
    _path: str
    _reconnect_seconds: float

    async def screen(self, *, wake: bool = False) -> Shown:
        """What it shows now, as text.

        Raises: ScreenMissing: the session's driver is not `terminal`; SessionAsleep, unless `wake`; ScreenLost."""
        return msgspec.json.decode(
            await self._wire.request("GET", f"{self._path}/screen", params={"wake": wake}),
            type=Shown,
        )

    @asynccontextmanager
    async def terminal(
        self, *, columns: int = 80, rows: int = 24, watch: bool = False
    ) -> AsyncGenerator[AsyncTerminal]:
        """A terminal of this size at the screen: `async with session.terminal() as it`. It wakes a session that sleeps,
        unless it is only to `watch`, or may do no more.

        Raises: ScreenMissing, SessionAsleep, SessionNotFound, InvalidRequest, HostBusy: too many look already;
        HubUnreachable, LinkDown."""
        path = f"{self._path}/terminal?columns={columns}&rows={rows}" + ("&watch=true" if watch else "")
        backoff = self._wire.backoff(self._reconnect_seconds)
        async with AsyncExitStack() as stack:
            while True:
                try:
                    connection = await stack.enter_async_context(self._wire.socket(path))
                    it = AsyncTerminal(self._wire, connection, await _opened(connection))
                    break
                except (HubUnreachable, LinkDown):
                    if not await backoff.again():
                        raise
            yield it


async def _opened(connection: "ClientConnection") -> bool:
    """Whether what is typed there goes to the agent. Raises: the hub's refusal."""
    while True:
        text = await connection.recv(decode=True)
        frame = msgspec.json.decode(text, type=_Frame)
        if frame.type == "opened":
            return frame.writes
        _raise_problem(text)


def _raise_problem(text: str) -> None:
    """Raises: what it tells, if it is a problem."""
    frame = msgspec.json.decode(text, type=_Frame)
    if frame.type == "problem":
        raise gateway(refusal_of(msgspec.json.decode(text)), frame.status)
