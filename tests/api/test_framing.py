"""Many messages of a WebSocket in one write, and what comes taken the short way."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from anyio import fail_after
from anyio.lowlevel import checkpoint
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from roost.api.framing import FRAMES, FramingProtocol, frame_size, framed, takes_frames


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_text_is_framed_as_the_library_frames_it(size: int) -> None:
    text = b"x" * size
    assert framed([text]) == Frame(Opcode.TEXT, text).serialize(mask=False)


def test_several_texts_are_several_frames() -> None:
    assert framed([b"one", b"two"]) == framed([b"one"]) + framed([b"two"])
    assert framed([]) == b""


def test_a_server_that_takes_no_frames_is_sent_none() -> None:
    assert takes_frames({"extensions": {FRAMES: {}}})
    assert not any(takes_frames(scope) for scope in ({}, {"extensions": None}, {"extensions": {}}))


# --- what comes -------------------------------------------------------------------------------------------------------

MOST = 70_000
Task = asyncio.Task[None]
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def masked(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


TALKS = {
    "texts of all sizes": [masked(Opcode.TEXT, b"x" * n) for n in (0, 1, 125, 126, 300, 65_535, 65_536, MOST)],
    "more than ascii": [masked(Opcode.TEXT, "\N{OWL} \u00e9".encode())] * 3,
    "no utf-8": [masked(Opcode.TEXT, data) for data in (b"good", b"\xff\xfe", b"late")],
    "fragments": [masked(Opcode.TEXT, b"a", fin=False), masked(Opcode.CONT, b"b"), masked(Opcode.TEXT, b"c")],
    "a text among fragments": [masked(Opcode.TEXT, b"a", fin=False), masked(Opcode.TEXT, b"b")],
    "bytes, ping and pong": [masked(Opcode.BINARY, b"\x00"), masked(Opcode.PING, b"p"), masked(Opcode.PONG, b"q")],
    "a ping between texts": [masked(Opcode.TEXT, b"a"), masked(Opcode.PING, b"p"), masked(Opcode.TEXT, b"b")],
    "a goodbye, and more": [masked(Opcode.CLOSE, b"\x03\xe8"), masked(Opcode.TEXT, b"late")],
    "too large": [masked(Opcode.TEXT, b"x" * n) for n in (1, MOST + 1, 1)],
    "not masked": [Frame(Opcode.TEXT, b"a").serialize(mask=False)],
    "no such frame": [b"\x83\x80\x00\x00\x00\x00", masked(Opcode.TEXT, b"late")],
    "reserved bits": [b"\xc1\x81\x00\x00\x00\x00a"],
}
"""Frames by frame, as clients send them."""


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.paused = self.closed = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


async def met(kind: type[WebSocketsSansIOProtocol], app: Any) -> tuple[WebSocketsSansIOProtocol, Wire, Task]:
    """A connection that the app has accepted; nothing is written yet."""
    config = uvicorn.Config(app, ws_max_size=MOST, ws_per_message_deflate=False, ws_ping_interval=None, log_config=None)
    config.load()
    state, wire = ServerState(), Wire()
    protocol = kind(config, state, {})
    protocol.connection_made(wire)
    protocol.data_received(UPGRADE)
    with fail_after(5):
        while not wire.written:
            await checkpoint()
    wire.written.clear()
    (task,) = state.tasks
    return protocol, wire, task


async def conversation(kind: type[WebSocketsSansIOProtocol], chunks: list[bytes]) -> tuple[list[Any], bytes, bool]:
    """What the app is given, what the client is sent, and whether it is hung up on."""
    told: list[Any] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            told.append(message)
        told.append(message.get("code"))

    protocol, wire, task = await met(kind, app)
    for chunk in chunks:
        protocol.data_received(chunk)
        with fail_after(5):
            while wire.paused:
                await checkpoint()
    closed = wire.closed
    protocol.connection_lost(ConnectionResetError())
    await asyncio.wait_for(task, 5)
    return told, b"".join(wire.written), closed


async def test_a_server_that_stops_before_the_app_has_accepted_is_told_nothing_more() -> None:
    go = asyncio.Event()
    ended: list[BaseException | None] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        await go.wait()
        try:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close"})
        except BaseException as error:
            ended.append(error)
            raise
        ended.append(None)

    config = uvicorn.Config(app, log_config=None)
    config.load()
    state, wire = ServerState(), Wire()
    protocol = FramingProtocol(config, state, {})
    protocol.connection_made(wire)
    protocol.data_received(UPGRADE)
    protocol.shutdown()
    go.set()
    await asyncio.wait_for(asyncio.gather(*state.tasks), 5)
    assert [type(error) for error in ended] == [ClientDisconnected]
    assert b"".join(wire.written).startswith(b"HTTP/1.1 500")


async def test_a_server_that_stops_while_a_client_is_leaving_hangs_up_and_says_no_second_goodbye() -> None:
    told: list[Any] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        told.append(await receive())

    protocol, wire, task = await met(FramingProtocol, app)
    protocol.data_received(masked(Opcode.CLOSE, b"\x03\xe8"))
    protocol.shutdown()  # before the transport has written the answer, and is closed
    assert wire.closed
    assert wire.written == [Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False)]
    protocol.connection_lost(None)
    await asyncio.wait_for(task, 5)
    assert [message["type"] for message in told] == ["websocket.disconnect"]


def cuts(talk: bytes) -> Iterator[list[bytes]]:
    """In one piece, cut once at each of the first and last bytes, in pieces of one size."""
    yield [talk]
    for at in {*range(1, min(20, len(talk))), *range(max(1, len(talk) - 20), len(talk))}:
        yield [talk[:at], talk[at:]]
    for size in (1, 7, 4096):
        if len(talk) < 2000 * size:
            yield [talk[at : at + size] for at in range(0, len(talk), size)]


@pytest.mark.parametrize("name", TALKS)
async def test_what_comes_is_taken_as_the_library_takes_it_however_it_is_cut(name: str) -> None:
    wanted = await conversation(WebSocketsSansIOProtocol, TALKS[name])
    for chunks in cuts(b"".join(TALKS[name])):
        assert await conversation(FramingProtocol, chunks) == wanted


async def test_a_frame_of_which_only_the_head_has_come_is_refused_if_it_is_too_large() -> None:
    head = masked(Opcode.TEXT, b"x" * (MOST + 1))[:14]
    _, sent, closed = await conversation(FramingProtocol, [head])
    assert closed
    assert int.from_bytes(sent[2:4], "big") == 1009


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_the_size_of_a_frame_is_in_its_head(size: int) -> None:
    frame = masked(Opcode.TEXT, b"x" * size)
    head = 2 if size < 126 else 4 if size < 65_536 else 10
    assert [frame_size(frame[:n]) for n in range(head)] == [None] * head
    assert frame_size(frame[:head]) == len(frame)


async def test_who_sends_faster_than_is_read_is_not_read() -> None:
    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.Event().wait()

    protocol, wire, task = await met(FramingProtocol, app)
    paused: list[bool] = []
    for _ in range(3):
        protocol.data_received(masked(Opcode.TEXT, b"x"))
        paused.append(wire.paused)
    assert paused == [False, True, True]
    task.cancel()
    await asyncio.wait({task})
