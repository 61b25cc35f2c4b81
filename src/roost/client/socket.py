"""One connection for all of a session: its events, who is here, and commands (PROTOCOL.md, section 9).

A task takes frames as they come. What the reader has not fetched yet is held up to `MAX_HELD_BYTES`; what comes beyond
that is let go, and asked for again by its cursor once the reader is there. So neither a slow reader nor a lost
connection loses or repeats an event, and no answer waits behind events.
"""

from collections import deque
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec
from msgspec import Struct

from roost.client.answers import SequenceBroken, refusal_of
from roost.client.commanding import AsyncCommanding
from roost.client.stream import Until, until_test
from roost.client.wire import (
    REQUEST_SECONDS,
    SILENCE_SECONDS,
    Backoff,
    Wire,
    gateway,
    new_key,
    not_begun,
    repeatable,
)  # fmt: skip
from roost.model.commands import Abort, AnyCommand, Pause
from roost.model.envelope import Event
from roost.model.errors import (
    BodyTooLarge,
    HubUnreachable,
    RoostError,
    SessionClosed,
    StreamLost,
    Unauthorized,
    Unavailable,
)  # fmt: skip
from roost.model.ids import Seq
from roost.model.info import Accepted, Participant

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MAX_FRAME_BYTES: Final = 1024 * 1024
"""The largest frame a hub takes."""
ENDED: Final = 1000
"""The close code after the last event of an ended session."""
MAX_HELD_BYTES: Final = 4 * 1024 * 1024
"""So much is held for a reader who is elsewhere, and one frame more."""


class _Frame(Struct, frozen=True):
    """What every frame of a hub has; `id` repeats that of the question. `status`: of a problem."""

    type: str
    id: int = 0
    status: int = 0


class _Events(Struct, frozen=True):
    events: tuple[Event, ...]
    seq: Seq


class _Presence(Struct, frozen=True):
    participants: tuple[Participant, ...]


class _Asked:
    """A frame that waits for its answer; none comes if the connection ends first."""

    __slots__ = ("answer", "done")

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.answer: Accepted | RoostError | None = None


class AsyncSocket(AsyncCommanding):
    """A session's socket, open: `async with session.connect() as socket`. Any number of tasks may command; events are
    for one reader. It is taken up again by itself, from its cursor, over lost connections and hub restarts."""

    def __init__(
        self, wire: Wire, path: str, *, after: Seq, types: Collection[str] | None, reconnect_seconds: float
    ) -> None:
        self._wire, self._path, self._reconnect_seconds = wire, path, reconnect_seconds
        self._types = tuple(types or ())
        self._seen = after
        """The cursor: everything up to it was handed over, or is held."""
        self._held: deque[Event] = deque()
        self._held_bytes = 0
        """Of the frames taken since nothing was held."""
        self._behind = False
        """What comes is let go, and asked for again when nothing is held."""
        self._here: tuple[Participant, ...] = ()
        self._told = 0
        """How often the hub has said so."""
        self._over: RoostError | None = None
        self._connection: ClientConnection | None = None
        self._wish = 0
        """The id of the last `follow`,"""
        self._flows = False
        """and whether what comes now is what it asked for."""
        self._numbers = count(1)
        self._asked: dict[int, _Asked] = {}
        self._moved = anyio.Event()

    def __repr__(self) -> str:
        return f"AsyncSocket({self._path!r}, after={self._seen})"

    # --- what it shows ---

    @property
    def linked(self) -> bool:
        """Whether the connection stands just now."""
        return self._connection is not None

    @property
    def participants(self) -> tuple[Participant, ...]:
        """Who is here, as the hub last said: at most 100 are named."""
        return self._here

    async def presence(self) -> AsyncGenerator[tuple[Participant, ...]]:
        """Who is here: now, and again whenever somebody comes or goes. Ends with the log. Raises: StreamLost."""
        told = 0
        while True:
            moved = self._moved
            if self._told != told:
                told = self._told
                yield self._here
            elif self._ended():
                return
            else:
                await moved.wait()

    async def events(self, *, until: Until | None = None) -> AsyncGenerator[Event]:
        """Every event after the socket's cursor, once and in order, up to and with the first that `until` means, or
        until the session is ended. A later call goes on where this one stopped.

        Raises: StreamLost: no hub for too long; SessionNotFound: it was deleted; SequenceBroken: the hub left an event
        out or repeated one.
        """
        done = until_test(until)
        while (event := await self._next()) is not None:
            yield event
            if done(event):
                return

    def __aiter__(self) -> AsyncGenerator[Event]:
        return self.events()

    # --- what it asks ---

    async def abort(self, *, reason: str = "requested") -> Accepted:
        """Stop the open run. Returns once that is recorded; the run's end is an event."""
        return await self._command(Abort(reason=reason))

    async def pause(self) -> Accepted:
        """Put to sleep; an open run is aborted first. Returns once that is recorded."""
        return await self._command(Pause())

    async def command(self, command: AnyCommand, *, key: str | None = None) -> Accepted:
        """Any command (roost.model.commands): `Update`, `Configure`, and what has a method of its own. Raises: what the
        method of the session of the same name raises."""
        return await self._command(command, key)

    async def _command(self, command: AnyCommand, key: str | None = None) -> Accepted:
        """Sent again under the same key when the connection ends before the answer: it is recorded once."""
        given, backoff = key or new_key(), Backoff(self._reconnect_seconds)
        while True:
            try:
                return await self._ask({"type": "command", "key": given, "command": command})
            except Unavailable as error:
                again = error is not self._over and (repeatable(error) or not_begun(error))
                if not again or not await backoff.again():
                    raise

    async def _ask(self, frame: dict[str, Any]) -> Accepted:
        """Raises: the hub's refusal; HubUnreachable: no connection now, or it ended before the answer."""
        if self._over is not None:
            raise self._over
        number, asked = next(self._numbers), _Asked()
        self._asked[number] = asked
        try:
            await self._say(frame | {"id": number})
            with anyio.move_on_after(REQUEST_SECONDS):
                await asked.done.wait()
        finally:
            del self._asked[number]
        if isinstance(asked.answer, Accepted):
            return asked.answer
        raise asked.answer or HubUnreachable("the socket's connection ended before the answer")

    async def _say(self, frame: dict[str, Any]) -> None:
        """Raises: BodyTooLarge; HubUnreachable: there is no connection."""
        text = msgspec.json.encode(frame)
        if len(text) > MAX_FRAME_BYTES:
            raise BodyTooLarge(f"a frame of {len(text)} bytes", limit_bytes=MAX_FRAME_BYTES)
        if self._connection is None:
            raise HubUnreachable("the socket is not connected just now")
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(text, text=True)
        except ConnectionClosed:
            raise HubUnreachable("the socket's connection has just ended") from None

    # --- its reader ---

    async def _next(self) -> Event | None:
        """The next event; None after the last there will be."""
        while not self._held:
            moved = self._moved
            if self._behind and self._connection is not None:
                with suppress(HubUnreachable):  # the next connection follows from the cursor anyway
                    await self._follow()
            elif self._ended():
                return None
            else:
                await moved.wait()
        event = self._held.popleft()
        if not self._held:
            self._held_bytes = 0
        return event

    def _ended(self) -> bool:
        """Whether the log has ended in good order. Raises: what the socket was given up for."""
        if self._over is not None and not isinstance(self._over, SessionClosed):
            raise self._over
        return self._over is not None

    def _ring(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()

    # --- its connections ---

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[None]:
        """Connected while the block runs. Raises: the hub's refusal; StreamLost; what the block raises."""
        failed: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep)
            try:
                await self._stands()
                yield
            except Exception as error:  # noqa: BLE001  # out of the group as it is, not as a group
                failed = error
            tasks.cancel_scope.cancel()
        if failed is not None:
            raise failed

    async def _keep(self) -> None:
        """Stay connected, until the log ends or the socket is given up."""
        backoff = self._wire.backoff(self._reconnect_seconds)
        while self._over is None:
            why = "the hub ends it at once"
            try:
                await self._visit(backoff)
            except Unavailable as error:
                why = error.message
            except RoostError as error:
                self._over = error
            if self._over is None and not await backoff.again():
                self._over = StreamLost(f"The socket was lost: {why}", cursor=self._seen)
        self._ring()

    async def _stands(self) -> None:
        """Wait for the first connection. Raises: the hub's refusal; StreamLost."""
        while not self._flows and not self._ended():
            await self._moved.wait()

    async def _visit(self, backoff: Backoff) -> None:
        """One connection, from first to last byte. Raises: Unavailable: try again; the hub's refusal."""
        try:
            async with self._wire.socket(f"{self._path}/socket") as connection:
                self._connection = connection
                self._behind = self._held_bytes > MAX_HELD_BYTES
                if not self._behind:
                    with suppress(HubUnreachable):  # closed already: the reason is there to be read
                        await self._follow()
                while (text := await _heard(connection)) is not None:
                    self._take(text, backoff)
            if self._flows and not self._behind:
                self._over = SessionClosed("the session has ended")
        except msgspec.MsgspecError as error:
            raise RoostError(f"the hub sent a frame that cannot be read: {error}") from None
        finally:
            self._connection, self._flows = None, False
            for asked in self._asked.values():
                asked.done.set()
            self._ring()

    async def _follow(self) -> None:
        """Ask for what comes after the cursor; what is still on its way of an earlier wish is let go."""
        self._wish, self._flows, self._behind = next(self._numbers), False, False
        await self._say({"type": "follow", "id": self._wish, "after": self._seen, "types": self._types})

    def _take(self, text: str, backoff: Backoff) -> None:
        """Raises: SequenceBroken; what a `problem` says that answers no command."""
        frame = msgspec.json.decode(text, type=_Frame)
        match frame.type:
            case "events" if self._flows and not self._behind:
                backoff.reset()
                self._take_events(msgspec.json.decode(text, type=_Events), len(text))
            case "following" if frame.id == self._wish:
                self._flows = True
                backoff.reached(self._reconnect_seconds)
            case "presence":
                self._here, self._told = msgspec.json.decode(text, type=_Presence).participants, self._told + 1
            case "accepted":
                self._answered(frame.id, msgspec.json.decode(text, type=Accepted))
            case "problem":
                self._answered(frame.id, gateway(refusal_of(msgspec.json.decode(text)), frame.status))
            case _:
                return  # beats, what is not wanted any more, frames of the future
        self._ring()

    def _take_events(self, frame: _Events, size: int) -> None:
        for event in frame.events:
            if event.seq <= self._seen or (not self._types and event.seq != self._seen + 1):
                raise SequenceBroken(
                    f"event {event.seq} came after event {self._seen}", seq=event.seq, after=self._seen
                )
            self._seen = event.seq
            self._held.append(event)
        self._seen = frame.seq
        self._held_bytes = self._held_bytes + size if self._held else 0
        self._behind = self._held_bytes > MAX_HELD_BYTES

    def _answered(self, number: int, answer: Accepted | RoostError) -> None:
        """Raises: a refusal that answers no command."""
        if (asked := self._asked.get(number)) is not None:
            asked.answer = answer
            asked.done.set()
        elif isinstance(answer, Unauthorized) and self._wire.moved():
            raise HubUnreachable("the hub is somewhere else now")
        elif isinstance(answer, RoostError) and number in (0, self._wish):
            raise answer


async def _heard(connection: "ClientConnection") -> str | None:
    """The next frame; None: the hub has said all there is. Raises: ConnectionClosed, TimeoutError: it broke."""
    from websockets.exceptions import ConnectionClosedOK

    try:
        with anyio.fail_after(SILENCE_SECONDS):
            return await connection.recv(decode=True)
    except ConnectionClosedOK as closed:
        if closed.rcvd is None or closed.rcvd.code != ENDED:
            raise
        return None


class AsyncConnecting:
    """What of a session handle opens its socket (AsyncSession)."""

    _wire: Wire
    _path: str
    _reconnect_seconds: float

    @asynccontextmanager
    async def connect(
        self, *, after: Seq = 0, types: Collection[str] | None = None, reconnect_seconds: float | None = None
    ) -> AsyncGenerator[AsyncSocket]:
        """One connection for events after a cursor, commands, and who is here: `async with session.connect() as it`.
        `types`: only events of these types.

        Raises: SessionNotFound, Unauthorized, TooManyStreams, CursorAhead, CursorTrimmed; StreamLost: no hub for
        `reconnect_seconds` (default: the client's).
        """
        seconds = self._reconnect_seconds if reconnect_seconds is None else reconnect_seconds
        socket = AsyncSocket(self._wire, self._path, after=after, types=types, reconnect_seconds=seconds)
        async with socket._opened():  # pyright: ignore[reportPrivateUsage]  # these two are one; users get it open
            yield socket
