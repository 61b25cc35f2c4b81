"""The socket of an observer or a controller (hub-wire 10): hydration and live frames out, commands and answers in.

Nothing is queued: a socket waits until its bytes are taken, and one that falls out of the ring is closed with 4408,
which brings it back.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing
from functools import partial
from typing import Any, ClassVar, Final, cast

import anyio
import msgspec
from anyio import CancelScope
from anyio.abc import TaskGroup
from msgspec import UNSET, Raw, Struct, UnsetType

from roost.api.asgi import query_of
from roost.api.coder import frames, rpc
from roost.api.coder.asking import dialogs
from roost.api.coder.connection import BEAT, Connection, bytes_of
from roost.api.coder.live import Frame, Live, Lives, Page
from roost.api.coder.told import Told, encoded, patterns
from roost.api.lending import lent
from roost.api.problems import error_of
from roost.api.streams.direct import Reader
from roost.api.streams.running import Streams
from roost.api.streams.source import Framing
from roost.api.streams.stay import Stay
from roost.api.streams.visit import Visit
from roost.core.session import Session
from roost.model import commands as c
from roost.model.errors import Forbidden, InvalidBody, InvalidRequest, RoostError
from roost.model.events import Principal
from roost.model.record import Record
from roost.model.unreadable import UNREADABLE

MAX_RUNNING: Final = 4
"""Commands of a client that last, at once; one more is waited for."""
BOOTSTRAP_SECONDS: Final = 2.0
"""How long a controller's `bootstrap_ready` is waited for before live frames begin without it."""


class _RpcCommand(Struct, frozen=True):
    command: Raw


class _UiResponse(Struct, frozen=True):
    id: str
    result: Any = None


class _Subscribe(Struct, frozen=True):
    patterns: tuple[str, ...] = ()


class _Rename(Struct, frozen=True):
    label: str


class Watcher:
    """An observer, or a controller. Implements `Watched`: live frames, as they go out to this one."""

    def __init__(self, connection: Connection, session: Session, by: Principal, key: str, role: frames.Role) -> None:
        self._connection = connection
        self._hub = connection.hub
        self._session = session
        self._by = by
        self._role: frames.Role = role
        self._patterns = patterns(query_of(connection.scope, "subscribe"))
        self._stay = Stay(connection.hub, session, key, connection.scope)
        self._released = anyio.Event()
        self._running: set[CancelScope] = set()
        self._rpc: rpc.Rpc
        self._live: Live
        self._tasks: TaskGroup

    async def run(self, streams: Streams, lives: Lives) -> RoostError | None:
        """Until the client leaves (None), the session is deleted, the visit is over or the hub stops: why.

        Raises: TooManyStreams, StorageUnavailable.
        """
        send = self._connection.send
        visit = Visit(self._hub, self._by, via="socket", session=self._session, role=self._role)
        with self._hub.limits.stream(self._by), lives.watched(self._session) as live:
            self._live = live
            self._rpc = rpc.Rpc(hub=self._hub, session=self._session, by=self._by, given=live.given)
            await live.join()  # what is wrong with the session is said before `init`
            await self._connection.greet(self._session, frames.init_of(self._session.record_now, self._role))
            async with anyio.create_task_group() as self._tasks:
                self._stay.scope = self._tasks.cancel_scope
                with streams.open(send, self._stay.scope, BEAT), visit.begin(self._stay.scope):
                    self._tasks.start_soon(self._stay.until_over, partial(self._write, live))
                    await self._stay.until_over(self._read)
        return await self._stay.why(streams)

    # --- what it is told ----------------------------------------------------------------------------------------------

    async def _write(self, live: Live) -> None:
        """Hydration and what follows it. Raises: StreamLost, SessionNotFound."""
        if self._role == "controller":
            with anyio.move_on_after(BOOTSTRAP_SECONDS):
                await self._released.wait()
        joined, cursor = await live.join()
        told = joined.for_socket(linked=self._session.linked, now=self._hub.now_ms())
        await self._connection.tell(told.decode())
        if self._role == "controller":
            await self._tell_pending(joined.record)
        if (connection := lent(self._connection.scope)) is not None:
            await Reader(connection, self, cursor).run()
            return
        async with aclosing(cast("AsyncGenerator[Page, None]", live.follow(cursor))) as pages:
            async for page in pages:
                await self._connection.tell_page(page, self._patterns)

    def watch(self, look: Callable[[], None]) -> AbstractContextManager[Live]:
        """Of `Watched`."""
        return self._live.watch(look)

    def renderer(self, framing: Framing) -> Callable[[Page], bytes]:
        """Of `Watched`: what is wanted now, each frame a message."""

        def frame(shown: list[Frame]) -> bytes:
            return b"".join([framing(one.data) for one in shown])

        return lambda page: page.rendered(("socket", framing), self._patterns, frame)

    async def _tell_pending(self, record: Record) -> None:
        """What waited for a person before this one came."""
        for entry in record.pending:
            for dialog in dialogs(record, entry):
                data = msgspec.structs.asdict(dialog)
                told = Told(name="rpc_ui_request", data=data, seq=entry.seq, at=self._hub.now_ms())
                await self._connection.tell(encoded(told, self._session.id).decode())

    # --- what it says -------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """One frame after the other, until the client leaves. None of them closes the socket."""
        while (message := await self._connection.receive())["type"] == "websocket.receive":
            try:
                answer = await self._take(bytes_of(message))
            except Exception as error:  # noqa: BLE001  # told to the client, whose socket stays
                answer = self._connection.misread(self._session, error_of(error, self._connection.scope))
            if answer:
                await self._connection.tell(answer)

    async def _take(self, frame: bytes) -> str:
        """What to answer, if something. Raises: InvalidBody, BodyTooLarge, InvalidRequest."""
        frames.check_size(frame)
        head = frames.head_of(frame)
        if head.type is UNSET:
            if head.authorization is UNSET:
                raise InvalidRequest("a frame has a type")
            return ""  # the key, though it was known already
        take = self._TAKES.get(head.type)
        if take is None:
            raise InvalidRequest(f"no such frame from an observer or a controller: {head.type!r}")
        return await take(self, frame)

    async def _bootstrapped(self, _: bytes) -> str:
        self._released.set()
        return ""

    async def _ping(self, frame: bytes) -> str:
        return frames.text(frames.pong(frame, self._hub.now_ms()))

    async def _subscribe(self, frame: bytes) -> str:
        self._patterns = patterns(",".join(frames.decoded(frame, _Subscribe).patterns))
        return ""

    async def _command(self, frame: bytes) -> str:
        self._released.set()
        raw = frames.decoded(frame, _RpcCommand).command
        command = frames.decoded(raw, rpc.Named)
        if command.type == rpc.ABORT_BASH:
            for running in self._running:
                running.cancel()
        if command.type in rpc.LASTING and len(self._running) < MAX_RUNNING:
            self._tasks.start_soon(self._last, command, raw)
            return ""
        return await self._carried_out(command, raw)

    async def _last(self, command: rpc.Named, raw: Raw) -> None:
        """Carry out what may take long, while other frames are read."""
        answer = ""
        with CancelScope() as running:
            self._running.add(running)
            try:
                answer = await self._carried_out(command, raw)
            finally:
                self._running.discard(running)
        if running.cancelled_caught:
            answer = self._response(command, data=rpc.CANCELLED)
        if answer:
            await self._connection.tell(answer)

    async def _carried_out(self, command: rpc.Named, raw: Raw) -> str:
        try:
            await self._check_may_act()
            if command.type not in rpc.OURS and await self._relayed(raw):
                return ""
            data = await rpc.carry_out(self._rpc, command.type, raw)
        except (RoostError, *UNREADABLE) as error:
            failed = error if isinstance(error, RoostError) else InvalidBody(str(error))
            return await self._failed(command, failed)
        return self._response(command, data=data)

    async def _relayed(self, raw: Raw) -> bool:
        """Whether the agent itself is asked, and answers to all: a driver that speaks this vocabulary."""
        return self._live.relay is not None and await self._live.relay.asked(raw)

    async def _failed(self, command: rpc.Named, error: RoostError) -> str:
        """A terminal waits for the turn of its prompt, or for the answer to its id."""
        told = frames.CommandFailed(error=error.message or error.code, code=error.code, command=command.type)
        if command.id is UNSET:
            return frames.text(told)
        if command.type in rpc.SAYING:
            await self._connection.tell(frames.text(told))
        return self._response(command, error=error.message or error.code)

    def _response(self, command: rpc.Named, data: Any = UNSET, error: str | UnsetType = UNSET) -> str:
        if command.id is UNSET:
            return ""
        done = error is UNSET
        answer = frames.Answer(id=command.id, command=command.type, success=done, data=data, error=error)
        return frames.text(frames.Answered(response=answer))

    async def _decided(self, frame: bytes) -> str:
        await self._check_may_act()
        given = frames.decoded(frame, _UiResponse)
        if self._live.relay is not None and await self._live.relay.answered(given.id, given.result):
            return ""
        await rpc.answer(self._rpc, given.id, given.result)
        return ""

    async def _rename(self, frame: bytes) -> str:
        await self._check_may_act()
        await self._session.handle(c.Update(label=frames.decoded(frame, _Rename).label), self._by)
        return frames.text(frames.Actions(id=frames.head_of(frame).id))

    async def _check_may_act(self) -> None:
        """Raises: Forbidden: an observer only looks on; RateLimited; whatever the hub's gate raises."""
        if self._role == "observer":
            raise Forbidden("An observer watches; connect as a controller to act.")
        self._hub.limits.act(self._by)
        await self._hub.admit(self._session.id, self._by, act=True)

    _TAKES: ClassVar[dict[str, Callable[["Watcher", bytes], Awaitable[str]]]] = {
        "bootstrap_ready": _bootstrapped,
        "ping": _ping,
        "subscribe": _subscribe,
        "rpc_command": _command,
        "rpc_ui_response": _decided,
        "rename_session": _rename,
    }
