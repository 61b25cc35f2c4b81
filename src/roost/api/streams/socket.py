"""One socket of a session (PROTOCOL.md, section 9): events, commands, who is here. Raw ASGI beside the streams.

A socket is a task that reads frames and carries them out one by one, one that writes events while something is
followed, and one that tells who comes and goes. Nothing is queued for a subscriber: each waits until its own bytes are
taken.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from functools import lru_cache, partial
from typing import Annotated, Any, Final, TypeVar, cast

import anyio
import msgspec
from anyio import CancelScope
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from roost.api.admission import check_up, key_of
from roost.api.asgi import Receive, Scope, Send, query_of
from roost.api.call import checked_key
from roost.api.cursors import MAX_CURSOR, cursor
from roost.api.lending import Connection, lent
from roost.api.problems import error_of, told_of
from roost.api.streams.direct import Reader
from roost.api.streams.running import SOCKET_BEAT, Streams
from roost.api.streams.source import Framing
from roost.api.streams.stay import Stay
from roost.api.streams.visit import Visit
from roost.core.hub import Hub
from roost.core.log import Frames, Log, Watch
from roost.core.session import Session
from roost.model.commands import AnyCommand
from roost.model.errors import (
    BodyTooLarge,
    HubStopping,
    InvalidBody,
    InvalidCursor,
    RoostError,
    SessionNotFound,
)  # fmt: skip
from roost.model.events import Principal
from roost.model.ids import Seq, SessionId
from roost.model.info import Accepted, Participant
from roost.model.unreadable import MAX_NESTING, UNREADABLE, too_deep

T = TypeVar("T")
MAX_FRAME_BYTES: Final = 1024 * 1024
"""The largest frame of a client."""
MAX_TEXT_BYTES: Final = 512 * 1024
"""A message of events ends where it would pass this, unless it holds one event alone."""
MAX_TYPES: Final = 100
MAX_SHOWN: Final = 100
"""Participants that one message names."""
PRESENCE_PAUSE_SECONDS: Final = 0.2
"""Comings and goings are told at most so often."""
DONE, RESTART, REFUSED = 1000, 1012, 4000
"""Close codes; a refusal has 4000 plus the HTTP status of its problem."""

Id = Annotated[str, Meta(max_length=200)] | int | UnsetType


class _FromClient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    id: Id = UNSET


class _Follow(_FromClient, frozen=True, kw_only=True, tag="follow"):
    after: int = 0
    types: tuple[str, ...] = ()


class _Do(_FromClient, frozen=True, kw_only=True, tag="command"):
    command: Raw
    key: str | UnsetType = UNSET


class _Ping(_FromClient, frozen=True, kw_only=True, tag="ping"):
    pass


class _Named(Struct, frozen=True):
    id: Id = UNSET


class _Accepted(Accepted, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="accepted"):
    id: Id = UNSET


class _Following(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="following"):
    after: Seq
    id: Id = UNSET


class _Pong(_Named, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="pong"):
    pass


class _Presence(Struct, frozen=True, kw_only=True, tag_field="type", tag="presence"):
    """`total` counts everybody; at most `MAX_SHOWN` are named."""

    participants: Sequence[Participant]
    total: int


_encoder = msgspec.json.Encoder(enc_hook=str)
_frames: Final[msgspec.json.Decoder[_Follow | _Do | _Ping]] = msgspec.json.Decoder(_Follow | _Do | _Ping)
_commands: Final[msgspec.json.Decoder[AnyCommand]] = msgspec.json.Decoder(AnyCommand)


async def socket(hub: Hub, streams: Streams, session: str, scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /v1/sessions/{id}/socket` upgraded. What is wrong is said in a message, and then closes the socket."""
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    try:
        opened = await _open(hub, session, scope, send)
        why = await opened.run(streams, receive)
    except Exception as error:  # noqa: BLE001  # whatever it is, the client is told before the socket closes
        why = error_of(error, scope)
    with suppress(OSError, RuntimeError):  # the client closed first
        if why is not None:
            await send({"type": "websocket.send", "text": problem_text(why)})
        await send({"type": "websocket.close", "code": code_of(why), "reason": ""})


async def _open(hub: Hub, session: str, scope: Scope, send: Send) -> "_Socket":
    """Raises: HubStopping, Unavailable, Unauthorized, SessionNotFound, InvalidCursor, CursorAhead, CursorTrimmed."""
    check_up(hub)
    key = key_of(scope, in_query=True)
    by = await hub.authenticate(key)
    scope["state"] = {"by": by}
    admitted = await hub.admit(session, by, act=False)
    opened = _Socket(hub, admitted, by, send, Stay(hub, admitted, key, scope), lent(scope))
    if (after := query_of(scope, "after")) is not None:
        types = tuple(filter(None, (query_of(scope, "types") or "").split(",")))
        await opened.follow(_Follow(after=cursor(after), types=types))
    return opened


class _Socket:
    def __init__(
        self, hub: Hub, session: Session, by: Principal, send: Send, stay: Stay, connection: Connection | None
    ) -> None:
        self._hub = hub
        self._session = session
        self._by = by
        self._send = send
        self._stay = stay
        self._connection = connection
        self._wanted: _Follow | None = None
        self._asked = anyio.Event()
        self._following = CancelScope()

    async def run(self, streams: Streams, receive: Receive) -> RoostError | None:
        """Until the client leaves or the log ends (None), the visit is over or the hub stops.

        Raises: TooManyStreams.
        """
        visit = Visit(self._hub, self._by, via="socket", session=self._session)
        with self._hub.limits.stream(self._by):
            async with anyio.create_task_group() as tasks:
                scope = self._stay.scope = tasks.cancel_scope
                with streams.open(self._send, scope, SOCKET_BEAT), visit.begin(scope):
                    tasks.start_soon(self._stay.until_over, self._write_events)
                    tasks.start_soon(self._stay.until_over, self._tell_presence)
                    await self._stay.until_over(partial(self._read, receive))
        return await self._stay.why(streams)

    async def follow(self, wanted: _Follow) -> None:
        """Follow this from now on, instead of what was followed before.

        Raises: InvalidBody, InvalidCursor, CursorAhead, CursorTrimmed, SessionNotFound.
        """
        if len(wanted.types) > MAX_TYPES:
            raise InvalidBody(f"types: at most {MAX_TYPES}")
        if not 0 <= wanted.after <= MAX_CURSOR:
            raise InvalidCursor
        await self._hub.log.page(self._session.id, wanted.after, 1)
        self._wanted = wanted
        self._asked.set()
        self._following.cancel()

    # --- its tasks ----------------------------------------------------------------------------------------------------

    async def _write_events(self) -> None:
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            with CancelScope() as self._following:
                await self._write(cast(_Follow, self._wanted))
                return

    async def _write(self, wanted: _Follow) -> None:
        """Until the log ends."""
        await self._tell(_text(_Following(id=wanted.id, after=wanted.after)))
        types = frozenset(wanted.types)
        if self._connection is not None:
            shown = _Messages(self._hub.log, self._session.id, types)
            await Reader(self._connection, shown, wanted.after).run()
            return
        pages = self._hub.log.follow(self._session.id, wanted.after)
        async with aclosing(cast("AsyncGenerator[Frames, None]", pages)):
            async for page in pages:
                for text in page.rendered(("socket", types), partial(render, types=types)):
                    await self._tell(text)

    async def _tell_presence(self) -> None:
        """Raises: SessionNotFound: it was deleted."""
        last = ""
        while True:
            signal = self._hub.presence.bell.ticket(self._session.id)
            if self._session.deleted:
                raise SessionNotFound
            here = self._hub.participants(self._session)
            text = _text(_Presence(participants=here[:MAX_SHOWN], total=len(here)))
            if text != last:
                await self._tell(text)
            last = text
            await signal.wait()
            await anyio.sleep(PRESENCE_PAUSE_SECONDS)

    async def _read(self, receive: Receive) -> None:
        """One frame after the other, until the client leaves."""
        while (message := await receive())["type"] == "websocket.receive":
            frame = (message.get("text") or "").encode() or message.get("bytes") or b""
            try:
                answer = await self._carry_out(frame)
            except Exception as error:  # noqa: BLE001  # told to the client, whose socket stays
                answer = problem_text(error_of(error, {}), _id_of(frame))
            if answer:
                await self._tell(answer)

    async def _carry_out(self, frame: bytes) -> str:
        """What to answer, if something. Raises: RoostError."""
        if len(frame) > MAX_FRAME_BYTES:
            raise BodyTooLarge(f"a frame of {len(frame)} bytes", limit_bytes=MAX_FRAME_BYTES)
        match asked := _decoded(_frames, frame):
            case _Follow():
                await self.follow(asked)
                return ""
            case _Ping():
                return _text(_Pong(id=asked.id))
            case _Do():
                return _text(await self._do(asked))

    async def _do(self, asked: _Do) -> _Accepted:
        self._hub.limits.act(self._by)
        key = checked_key(None if asked.key is UNSET else asked.key)
        command = _decoded(_commands, asked.command, "command")
        session = await self._hub.admit(self._session.id, self._by, act=True)
        done = await session.handle(command, self._by, key)
        return _Accepted(id=asked.id, session=done.session, seq=done.seq, run=done.run)

    async def _tell(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})


class _Messages:
    """Implements `Watched`: a session's events of these types, or all, as messages."""

    def __init__(self, log: Log, session: SessionId, types: frozenset[str]) -> None:
        self._log = log
        self._session = session
        self._types = types

    def watch(self, look: Callable[[], None]) -> Watch:
        return self._log.watch(self._session, look)

    def renderer(self, framing: Framing) -> Callable[[Frames], bytes]:
        return renderer(self._types, framing)


@lru_cache(maxsize=512)
def renderer(types: frozenset[str], framing: Framing) -> Callable[[Frames], bytes]:
    """What makes of a page the bytes of its messages, once for all who want the same of it."""

    def frame(page: Frames) -> bytes:
        return b"".join([framing(text.encode()) for text in render(page, types)])

    return lambda page: page.rendered(frame, frame)


def render(page: Frames, types: frozenset[str]) -> list[str]:
    """A page as messages, events of these types (none named: all). `seq` is the cursor after each: the last one moves
    it past what was left out."""
    texts: list[str] = []
    held: list[bytes] = []
    size = 0
    for seq, (tag, data) in enumerate(zip(page.types, page.data, strict=True), page.first):
        if types and tag not in types:
            continue
        if held and size + len(data) > MAX_TEXT_BYTES:
            texts.append(_events(held, seq - 1))
            held, size = [], 0
        held.append(data)
        size += len(data)
    if page.data:
        texts.append(_events(held, page.last))
    return texts


def _events(events: Sequence[bytes], seq: Seq) -> str:
    """Bodies keep the bytes their producer wrote; a message is UTF-8 whatever these are."""
    text = b'{"type":"events","seq":%d,"events":[%b]}' % (seq, b",".join(events))
    return text.decode(errors="replace")


def _decoded(decoder: "msgspec.json.Decoder[T]", data: bytes | Raw, where: str = "") -> T:
    """Raises: InvalidBody."""
    if too_deep(bytes(data)):
        raise InvalidBody(f"nested more than {MAX_NESTING} deep")
    try:
        return decoder.decode(data)
    except UNREADABLE as error:
        raise InvalidBody(f"{where}: {error}" if where else str(error)) from None


def _id_of(frame: bytes) -> Id:
    """The id of a frame that could not be carried out, if it can be read."""
    if len(frame) <= MAX_FRAME_BYTES:
        with suppress(*UNREADABLE):
            return msgspec.json.decode(frame, type=_Named).id
    return UNSET


def problem_text(error: RoostError, answered: Id = UNSET) -> str:
    """The message that tells a client of this."""
    told: dict[str, Any] = told_of(error) | {"type": "problem"}
    return _text(told if answered is UNSET else told | {"id": answered})


def code_of(why: RoostError | None) -> int:
    """With which a socket closes that ends for this."""
    if why is None:
        return DONE
    return RESTART if isinstance(why, HubStopping) else REFUSED + told_of(why)["status"]


def _text(message: Any) -> str:
    return _encoder.encode(message).decode()
