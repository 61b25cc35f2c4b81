"""`GET /api/ws`: one socket of an observer or a controller (hub-wire 10). A lead's is in lead.py.

The upgrade is always accepted, for their clients read close codes and no HTTP statuses. Then comes `init`, then the
hydration, then live frames, each in its own text message. Nothing is queued: a socket waits until its bytes are taken,
and one that falls out of the ring is closed with 4408, which brings it back.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, ClassVar, Final, cast

import anyio
import msgspec
from anyio import CancelScope
from msgspec import UNSET, Raw, Struct, UnsetType

from roost.api.asgi import Message, Receive, Scope, Send, query_of
from roost.api.coder import closing, frames, pi, rpc
from roost.api.coder.asking import dialogs
from roost.api.coder.keys import key_of
from roost.api.coder.live import Frame, Live, Lives, Page
from roost.api.coder.sse import shutdown
from roost.api.coder.told import Told, encoded, patterns
from roost.api.problems import error_of
from roost.api.streams.running import Streams
from roost.api.streams.visit import Visit
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model import commands as c
from roost.model.errors import (
    Forbidden,
    HubStopping,
    InvalidBody,
    InvalidRequest,
    RoostError,
    Unauthorized,
    Unavailable,
)  # fmt: skip
from roost.model.events import Principal
from roost.model.record import Record
from roost.model.unreadable import UNREADABLE

KIND: Final = "socket"
KEY_SECONDS: Final = 5.0
"""How long a socket that shows no key may take to send one."""
BOOTSTRAP_SECONDS: Final = 2.0
"""How long a controller's `bootstrap_ready` is waited for before live frames begin without it."""
BEAT: Final[Message] = {"type": "websocket.send", "text": '{"type":"pong","timestamp":0}'}
"""Says that the hub is there: their clients reconnect after 30 s without any frame."""
ROLES: Final = frozenset(("lead", "observer", "controller"))


class _RpcCommand(Struct, frozen=True):
    command: Raw


class _UiResponse(Struct, frozen=True):
    id: str
    result: Any = None


class _Subscribe(Struct, frozen=True):
    patterns: tuple[str, ...] = ()


class _Ping(Struct, frozen=True):
    timestamp: float | UnsetType = UNSET


class _Rename(Struct, frozen=True):
    label: str


class Connection:
    """A socket that was accepted, whoever is at its other end. `greeted`: `init` was sent."""

    def __init__(self, hub: Hub, scope: Scope, receive: Receive, send: Send) -> None:
        self.hub = hub
        self.scope = scope
        self.receive = receive
        self.send = send
        self.greeted = False

    async def tell(self, text: str) -> None:
        await self.send({"type": "websocket.send", "text": text})

    async def greet(self, init: frames.Init) -> None:
        await self.tell(frames.text(init))
        self.greeted = True

    async def close(self, why: RoostError | None, session: Session | None) -> None:
        """Say why, as far as their clients can bear it, and close."""
        code = closing.code_of(why)
        with suppress(OSError, RuntimeError):  # the client closed first
            if why is not None and not self.greeted and code not in closing.COME_BACK:
                told = frames.Rejected(code=why.code, message=why.message, timestamp=self.hub.now_ms())
                await self.tell(frames.text(told))
            if isinstance(why, HubStopping) and session is not None and self.greeted:
                await self.tell(shutdown(self.hub, session).decode())
            await self.send({"type": "websocket.close", "code": code, "reason": "" if why is None else why.code})


async def socket(hub: Hub, streams: Streams, lives: Lives, scope: Scope, receive: Receive, send: Send) -> None:
    """From the upgrade to the close."""
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    connection = Connection(hub, scope, receive, send)
    session: Session | None = None
    try:
        _check_up(hub)
        key = key_of(scope, in_query=True) or await _key_in_a_frame(receive)
        by = await hub.authenticate(key)
        scope["state"] = {"by": by}
        role = query_of(scope, "role") or "lead"
        session = await _admitted(hub, by, role, query_of(scope, "sessionId"))
        why = await _Socket(connection, session, by, key, role).run(streams, lives)
    except Exception as error:  # noqa: BLE001  # whatever it is, the client is told as it understands
        why = error_of(error, scope)
    await connection.close(why, session)


def _check_up(hub: Hub) -> None:
    """Raises: HubStopping, Unavailable."""
    if hub.stopping.is_set():
        raise HubStopping
    if not hub.ready:
        raise Unavailable("The hub is taking up its sessions; try again in a moment.")


async def _key_in_a_frame(receive: Receive) -> str:
    """Raises: Unauthorized: the first frame does not come in time, or carries no key."""
    message: Message = {"type": "websocket.disconnect"}
    with anyio.move_on_after(KEY_SECONDS):
        message = await receive()
    with suppress(InvalidBody):
        head = frames.head_of(_bytes_of(message)[: frames.MAX_FRAME_BYTES])
        if head.authorization is not UNSET:
            return head.authorization
    raise Unauthorized("neither the address, nor a header, nor the first frame carries a key")


async def _admitted(hub: Hub, by: Principal, role: str, session: str | None) -> Session:
    """Raises: InvalidRequest: an unknown role, or no session; SessionNotFound, Forbidden."""
    if role not in ROLES:
        raise InvalidRequest(f"role: one of {', '.join(sorted(ROLES))}")
    if not session:
        raise InvalidRequest("sessionId: an observer or controller names its session")
    return await hub.admit(session, by, act=role != "observer")


def _bytes_of(message: Message) -> bytes:
    return (message.get("text") or "").encode() or message.get("bytes") or b""


class _Socket:
    def __init__(self, connection: Connection, session: Session, by: Principal, key: str | None, role: str) -> None:
        self._connection = connection
        self._hub = connection.hub
        self._session = session
        self._by = by
        self._key = key
        self._role = role
        self._patterns = patterns(query_of(connection.scope, "subscribe"))
        self._whole = CancelScope()
        self._released = anyio.Event()
        self._ended = False
        self._why: RoostError | None = None
        self._rpc: rpc.Rpc

    async def run(self, streams: Streams, lives: Lives) -> RoostError | None:
        """Until the client leaves (None), the session is deleted, the visit is over or the hub stops: why.

        Raises: TooManyStreams, StorageUnavailable.
        """
        send = self._connection.send
        visit = Visit(self._hub, self._by, via="socket", session=self._session, role=self._role)
        with self._hub.limits.stream(self._by), lives.watched(self._session) as live:
            self._rpc = rpc.Rpc(hub=self._hub, session=self._session, by=self._by, given=live.given)
            await live.join()  # what is wrong with the session is said before `init`
            await self._connection.greet(init_of(self._session.record_now, self._role))
            async with anyio.create_task_group() as tasks:
                self._whole = tasks.cancel_scope
                with streams.open(send, self._whole, BEAT), visit.begin(self._whole):
                    tasks.start_soon(self._until_over, partial(self._write, live))
                    await self._until_over(self._read)
        return self._why if self._ended else await self._why_let_go(streams)

    async def _until_over(self, work: Callable[[], Awaitable[None]]) -> None:
        """When one of its tasks has come to an end, the socket has."""
        try:
            await work()
            self._ended = True
        except (OSError, RuntimeError):
            self._ended = True  # the client has gone while something was sent
        except Exception as error:  # noqa: BLE001  # told to the client
            self._ended, self._why = True, error_of(error, {})
        self._whole.cancel()

    async def _why_let_go(self, streams: Streams) -> RoostError | None:
        """Why it was ended from outside: the hub stops, the key is good no more, the session may not be seen."""
        if streams.ended:
            return HubStopping()
        try:
            await self._hub.admit(self._session.id, await self._hub.authenticate(self._key), act=False)
        except RoostError as why:
            return why
        return None

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
        async with aclosing(cast("AsyncGenerator[Page, None]", live.follow(cursor))) as pages:
            async for page in pages:
                for text in page.rendered(KIND, self._patterns, _texts):
                    await self._connection.tell(text)

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
                answer = await self._take(_bytes_of(message))
            except Exception as error:  # noqa: BLE001  # told to the client, whose socket stays
                answer = self._misread(error_of(error, self._connection.scope))
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
        ping = frames.decoded(frame, _Ping)
        return frames.text(frames.Pong(timestamp=self._hub.now_ms(), echoed_timestamp=ping.timestamp))

    async def _subscribe(self, frame: bytes) -> str:
        self._patterns = patterns(",".join(frames.decoded(frame, _Subscribe).patterns))
        return ""

    async def _command(self, frame: bytes) -> str:
        self._released.set()
        raw = frames.decoded(frame, _RpcCommand).command
        command = frames.decoded(raw, rpc.Named)
        try:
            await self._check_may_act()
            data = await rpc.carry_out(self._rpc, command.type, raw)
        except (RoostError, *UNREADABLE) as error:
            failed = error if isinstance(error, RoostError) else InvalidBody(str(error))
            return await self._failed(command, failed)
        return self._response(command, data=data)

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

    def _misread(self, error: RoostError) -> str:
        told = frames.Misread(
            code=error.code, message=error.message, timestamp=self._hub.now_ms(), session_id=self._session.id
        )
        return frames.text(told)

    _TAKES: ClassVar[dict[str, Callable[["_Socket", bytes], Awaitable[str]]]] = {
        "bootstrap_ready": _bootstrapped,
        "ping": _ping,
        "subscribe": _subscribe,
        "rpc_command": _command,
        "rpc_ui_response": _decided,
        "rename_session": _rename,
    }


def init_of(record: Record, role: Any) -> frames.Init:
    model = pi.model_of(record.model)
    return frames.Init(
        role=role,
        session_id=record.session,
        label=record.label,
        tools=(),
        agents=(),
        commands=(),
        task=record.task,
        model=UNSET if model is None else frames.ModelName(**model),
    )


def _texts(shown: list[Frame]) -> list[str]:
    return [frame.data.decode() for frame in shown]
