"""A terminal at the screen of a session's agent (PROTOCOL.md, section 13): bytes out, keys and sizes in. Raw ASGI
beside the streams.

What the client does not take is not read from the host, whose terminal waits then, and shows the present when it goes
on.
"""

from contextlib import suppress
from functools import partial
from typing import Any, Final

import anyio
import msgspec
from msgspec import Struct

from roost.api.admission import check_up, key_of
from roost.api.asgi import Message, Receive, Scope, Send, query_of
from roost.api.problems import error_of
from roost.api.streams.running import SOCKET_BEAT, Streams
from roost.api.streams.socket import code_of, problem_text
from roost.api.streams.stay import Stay
from roost.api.streams.visit import Visit
from roost.core.hub import Hub
from roost.core.session import Session
from roost.core.terminals import Terminal
from roost.model.errors import (
    BodyTooLarge,
    Forbidden,
    InvalidBody,
    InvalidRequest,
    RoostError,
    Unavailable,
)
from roost.model.events import Principal
from roost.model.screens import MAX_KEYS_BYTES, Size
from roost.model.unreadable import UNREADABLE

MAX_ASKED_BYTES: Final = 1024
"""Of what is asked for in a text frame."""


class _FromClient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    pass


class _Resize(_FromClient, frozen=True, kw_only=True, tag="resize"):
    columns: int
    rows: int


class _Ping(_FromClient, frozen=True, kw_only=True, tag="ping"):
    pass


class _Opened(Struct, frozen=True, kw_only=True, tag_field="type", tag="opened"):
    """`writes`: what is typed here goes to the agent."""

    columns: int
    rows: int
    writes: bool


_encoder = msgspec.json.Encoder()
_asked: Final[msgspec.json.Decoder[_Resize | _Ping]] = msgspec.json.Decoder(_Resize | _Ping)
PONG: Final = '{"type":"pong"}'


async def terminal(hub: Hub, streams: Streams, session: str, scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /v1/sessions/{id}/terminal` upgraded. What is wrong is said in a message, and then closes the socket."""
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    try:
        opened = await _open(hub, session, scope, receive, send)
        why = await opened.run(streams)
    except Exception as error:  # noqa: BLE001  # whatever it is, the client is told before the socket closes
        why = error_of(error, scope)
    with suppress(OSError, RuntimeError):  # the client closed first
        if why is not None:
            await send({"type": "websocket.send", "text": problem_text(why)})
        await send({"type": "websocket.close", "code": code_of(why), "reason": ""})


async def _open(hub: Hub, session: str, scope: Scope, receive: Receive, send: Send) -> "_Terminal":
    """Raises: HubStopping, Unavailable, Unauthorized, SessionNotFound, InvalidRequest."""
    check_up(hub)
    key = key_of(scope, in_query=True)
    by = await hub.authenticate(key)
    scope["state"] = {"by": by}
    writes, admitted = query_of(scope, "watch") != "true", None
    if writes:
        with suppress(Forbidden):  # who may only look does so
            admitted = await hub.admit(session, by, act=True)
        writes = admitted is not None
    admitted = admitted or await hub.admit(session, by, act=False)
    size = Size(columns=_number(scope, "columns", 80), rows=_number(scope, "rows", 24))
    return _Terminal(hub, admitted, by, size, writes, Stay(hub, admitted, key, scope), receive, send)


def _number(scope: Scope, name: str, default: int) -> int:
    """Raises: InvalidRequest."""
    given = query_of(scope, name)
    if given is not None and not (given.isascii() and given.isdigit() and len(given) < 6):
        raise InvalidRequest(f"{name}: a number")
    return default if given is None else int(given)


class _Terminal:
    def __init__(
        self,
        hub: Hub,
        session: Session,
        by: Principal,
        size: Size,
        writes: bool,
        stay: Stay,
        receive: Receive,
        send: Send,
    ) -> None:
        self._hub, self._session, self._by = hub, session, by
        self._size, self._writes, self._stay = size, writes, stay
        self._receive, self._send = receive, send

    async def run(self, streams: Streams) -> RoostError | None:
        """Until the client leaves or there is nothing more to show (None), the visit is over or the hub stops.

        Raises: TooManyStreams."""
        role = None if self._writes else "observer"
        visit = Visit(self._hub, self._by, via="terminal", session=self._session, role=role)
        with self._hub.limits.stream(self._by):
            async with anyio.create_task_group() as tasks:
                scope = self._stay.scope = tasks.cancel_scope
                with streams.open(self._send, scope, SOCKET_BEAT), visit.begin(scope):
                    await self._stay.until_over(self._serve)
        return await self._stay.why(streams)

    async def _serve(self) -> None:
        """Raises: what `Terminals.serve` raises."""
        serve = self._hub.terminals.serve
        await serve(self._session, self._by, self._size, self._show, writes=self._writes)

    async def _show(self, at: Terminal) -> None:
        opened = _Opened(columns=self._size.columns, rows=self._size.rows, writes=self._writes)
        await self._tell(_encoder.encode(opened).decode())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._stay.until_over, partial(self._read, at))
            await self._stay.until_over(partial(self._paint, at))

    async def _paint(self, at: Terminal) -> None:
        while data := await at.read():
            await self._send({"type": "websocket.send", "bytes": data, "text": None})

    async def _read(self, at: Terminal) -> None:
        """One frame after the other, until the client leaves. Raises: Unavailable: there is no screen any more."""
        while (message := await self._receive())["type"] == "websocket.receive":
            try:
                await self._carry_out(at, message)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001  # told to the client, whose socket stays
                await self._tell(problem_text(error_of(error, {})))

    async def _carry_out(self, at: Terminal, message: Message) -> None:
        """Raises: RoostError."""
        if (keys := message.get("bytes")) is not None:
            await self._type(at, keys)
            return
        text = (message.get("text") or "").encode()
        if len(text) > MAX_ASKED_BYTES:
            raise BodyTooLarge(limit_bytes=MAX_ASKED_BYTES)
        try:
            asked = _asked.decode(text)
        except UNREADABLE as error:
            raise InvalidBody(str(error)) from None
        if isinstance(asked, _Resize):
            await at.resize(Size(columns=asked.columns, rows=asked.rows))
        else:
            await self._tell(PONG)

    async def _type(self, at: Terminal, keys: bytes) -> None:
        if len(keys) > MAX_KEYS_BYTES:
            raise BodyTooLarge(f"keys: at most {MAX_KEYS_BYTES} bytes at once", limit_bytes=MAX_KEYS_BYTES)
        if not self._writes:
            raise Forbidden("This terminal only looks: what is typed here goes nowhere.")
        await self._hub.admit(self._session.id, self._by, act=True)
        await at.write(keys)

    async def _tell(self, text: str) -> None:
        message: dict[str, Any] = {"type": "websocket.send", "text": text}
        await self._send(message)
