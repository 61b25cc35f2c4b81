"""Both ways to write a stream, directly and in messages of ASGI: the same bytes, the same patience, the same end."""

import asyncio
import gc
import re
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, Self, cast

import anyio
import msgspec
import pytest
import uvicorn
from anyio.lowlevel import checkpoint
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from roost.api.app import make_app
from roost.api.lending import HIGH_WATER_BYTES
from roost.api.server import listen
from roost.core.decisions import HUB, Decision
from roost.core.log import PAGE_BYTES, RING_BYTES
from roost.core.session import Session
from roost.model import events as e
from roost.model.envelope import draft
from roost.settings import Settings
from tests.api.served import Served, served, serving
from tests.api.test_streams import opened, said, speak

pytestmark = pytest.mark.anyio
WRITERS: Final = ("direct", "asgi")
V1: Final = "/v1/sessions/{}/events"
CODER: Final = "/api/hub/session/{}/events"
SMALL_WINDOW: Final = 32 * 1024
"""What a reader that is stuck lets the kernel keep for it, asked for in bytes."""


class Hubs:
    """One hub that is served twice: `ports` by the way in which streams are written."""

    def __init__(self, api: Served, ports: dict[str, int]) -> None:
        self.api = api
        self.ports = ports


@pytest.fixture(scope="module")
async def hubs(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Hubs]:
    folder = tmp_path_factory.mktemp("writers")
    async with served(folder, agent="scripted", rate_per_second=0) as api, anyio.create_task_group() as tasks:
        plain = make_app(api.hub, Settings(stream_writer="asgi"))
        yield Hubs(api, {"direct": api.port, "asgi": await tasks.start(serving, plain)})
        tasks.cancel_scope.cancel()


class Raw:
    """A connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.answered: list[bytes] = []
        """Status and headers of the first answer."""

    @classmethod
    async def dial(cls, hubs: Hubs, writer: str, path: str, window: int | None, key: str) -> Self:
        """Send the request for this stream. `window`: of what was sent the kernel keeps so little."""
        connection = socket.socket()
        connection.setblocking(False)
        if window is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", hubs.ports[writer]))
        made = cls(*await asyncio.open_connection(sock=connection, limit=SMALL_WINDOW if window else 2**16))
        made.ask(path, key)
        return made

    def ask(self, path: str, key: str) -> None:
        lines = ["Host: 127.0.0.1", "Accept: text/event-stream", f"Authorization: Bearer {key}"]
        self.writer.write("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())

    async def head(self) -> list[bytes]:
        """Status and headers, but for the date."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        return [line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")]

    async def chunk(self) -> bytes:
        """The next piece of the body, empty at its end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        piece = await self.reader.readexactly(size)
        assert await self.reader.readexactly(2) == b"\r\n"
        return piece

    async def body(self, until: bytes = b"") -> bytes:
        """The body up to its end, or to these bytes."""
        found = b""
        while not until or until not in found:
            if not (piece := await self.chunk()):
                assert not until, found
                break
            found += piece
        return found

    def close(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def dialled(
    hubs: Hubs, writer: str, path: str, *, window: int | None = None, key: str = ""
) -> AsyncGenerator[Raw]:
    raw = await Raw.dial(hubs, writer, path, window, key or hubs.api.key)
    try:
        raw.answered = await raw.head()
        assert b"200 OK" in raw.answered[0]
        yield raw
    finally:
        raw.close()


async def end(api: Served, session: Session) -> None:
    await said(api, session, e.RunComplete())
    await session.decide(lambda _: Decision([draft(e.SessionEnded(), by=HUB)]))


def watchers(api: Served, session: Session) -> int:
    return api.hub.log.watched.get(session.id, 0)


async def until_watched(api: Served, session: Session, count: int) -> None:
    with anyio.fail_after(20):
        while watchers(api, session) != count:
            await checkpoint()


# --- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?after=3", "?types=run-start,text-delta", "?types=run-complete"])
async def test_both_writers_send_the_same_bytes_in_the_same_pieces(hubs: Hubs, query: str) -> None:
    session = await opened(hubs.api)
    found: list[tuple[list[bytes], list[bytes]]] = []
    for writer in WRITERS:
        async with dialled(hubs, writer, V1.format(session.id) + query) as raw:
            found.append((raw.answered, [await raw.chunk(), await raw.chunk()]))
    assert found[0] == found[1]
    assert b"transfer-encoding: chunked" in found[0][0]


async def test_both_writers_tell_the_present_and_the_end_in_the_same_bytes(hubs: Hubs) -> None:
    session = await opened(hubs.api)
    path = V1.format(session.id) + "?after=6"
    async with dialled(hubs, "direct", path) as direct, dialled(hubs, "asgi", path) as asgi:
        await until_watched(hubs.api, session, 2)
        for word in ("one", "Grüße\n", "x" * 200_000):
            await speak(hubs.api, session, word)
        await end(hubs.api, session)
        bodies = [await raw.body() for raw in (direct, asgi)]
    assert direct.answered == asgi.answered
    assert bodies[0] == bodies[1]
    assert bodies[0].startswith(b"retry: 1000\n\nid: 7\n")
    assert bodies[0].count(b"\n\n") == 1 + session.seq - 6


async def test_a_coder_view_is_told_the_same_by_both(hubs: Hubs) -> None:
    session = await opened(hubs.api)
    path = CODER.format(session.id)
    async with dialled(hubs, "direct", path) as direct, dialled(hubs, "asgi", path) as asgi:
        for raw in (direct, asgi):
            await raw.body(until=b"event: hydration")
        await speak(hubs.api, session, "a word")
        for raw in (direct, asgi):
            assert b"event: broadcast" in await raw.body(until=b"a word")
        assert (await hubs.api.http.delete(f"/v1/sessions/{session.id}")).status_code == 200
        for raw in (direct, asgi):
            await raw.body()


async def test_a_server_that_lends_nothing_streams_the_same_events(hubs: Hubs) -> None:
    session = await opened(hubs.api)
    path = V1.format(session.id)
    ready = anyio.Event()
    config = uvicorn.Config(cast(Any, make_app(hubs.api.hub, Settings())), log_config=None)
    with listen("127.0.0.1", 0) as listening:
        async with anyio.create_task_group() as tasks:
            server = _Stock(config, ready)
            tasks.start_soon(server.serve, [listening])
            await ready.wait()
            ports = hubs.ports | {"stock": listening.getsockname()[1]}
            async with dialled(Hubs(hubs.api, ports), "stock", path) as stock, dialled(hubs, "direct", path) as direct:
                await until_watched(hubs.api, session, 2)
                await end(hubs.api, session)
                assert await stock.body() == await direct.body()
            server.should_exit = True


class _Stock(uvicorn.Server):
    """As anybody starts it."""

    def __init__(self, config: uvicorn.Config, ready: anyio.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


# --- sockets ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def joined(hubs: Hubs, writer: str, path: str, *, window: int | None = None) -> AsyncGenerator[ClientConnection]:
    """A socket. `window`: it takes so few bytes, and one message, before somebody reads it."""
    connection = socket.socket()
    connection.setblocking(False)
    if window is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", hubs.ports[writer]))
    async with connect(
        f"ws://127.0.0.1{path}",
        sock=connection,
        additional_headers={"Authorization": f"Bearer {hubs.api.key}"},
        compression=None,
        max_queue=1 if window else 16,
        ping_interval=None,
    ) as joined:
        yield joined


async def texts(socket: ClientConnection, kind: str, until: str = "") -> list[str]:
    """Its messages of this kind, until the socket closes or one says this."""
    found: list[str] = []
    with suppress(ConnectionClosed):
        while not until or not found or until not in found[-1]:
            message = str(await socket.recv())
            if f'"type":"{kind}"' in message:
                found.append(message)
    return found


def timeless(text: str) -> str:
    return re.sub(r'("timestamp":)\d+', r"\1", text)


async def test_both_writers_tell_a_socket_the_same_messages(hubs: Hubs) -> None:
    session = await opened(hubs.api)
    path = f"/v1/sessions/{session.id}/socket?after=3"
    async with joined(hubs, "direct", path) as direct, joined(hubs, "asgi", path) as asgi:
        sockets = (direct, asgi)
        past = [await texts(socket, "events", until='"seq":6') for socket in sockets]
        for word in ("one", "Grüße\n", "x" * 200_000):
            await speak(hubs.api, session, word)
        await end(hubs.api, session)
        told = [await texts(socket, "events") for socket in sockets]
        assert [socket.close_code for socket in sockets] == [1000, 1000]
    assert past[0] == past[1]
    events = [[event for text in some for event in msgspec.json.decode(text)["events"]] for some in told]
    assert events[0] == events[1]
    assert [event["seq"] for event in events[0]] == list(range(7, session.seq + 1))


async def test_both_writers_tell_a_socket_of_the_coder_view_the_same_frames(hubs: Hubs) -> None:
    session = await opened(hubs.api)
    path = f"/api/ws?role=observer&sessionId={session.id}"
    async with joined(hubs, "direct", path) as direct, joined(hubs, "asgi", path) as asgi:
        for socket in (direct, asgi):
            await texts(socket, "session_hydration", until="session_hydration")
        await until_watched(hubs.api, session, 2)
        await speak(hubs.api, session, "a word")
        found = [await texts(socket, "broadcast", until="a word") for socket in (direct, asgi)]
    assert [timeless(text) for text in found[0]] == [timeless(text) for text in found[1]]


@pytest.mark.parametrize("writer", WRITERS)
async def test_a_stuck_socket_holds_up_nobody_and_misses_nothing(hubs: Hubs, writer: str) -> None:
    session = await opened(hubs.api)
    path = f"/v1/sessions/{session.id}/socket?after=6"
    async with joined(hubs, writer, path, window=SMALL_WINDOW) as stuck, joined(hubs, writer, path) as quick:
        for _ in range(40):
            await speak(hubs.api, session, *["x" * 10_000] * 10)
            await texts(quick, "events", until=f'"seq":{session.seq},')
        await end(hubs.api, session)
        told = await texts(stuck, "events")
        assert stuck.close_code == 1000
    numbers = [event["seq"] for text in told for event in msgspec.json.decode(text)["events"]]
    assert numbers == list(range(7, session.seq + 1))


# --- patience ---------------------------------------------------------------------------------------------------------


def connections() -> list[asyncio.Transport]:
    """The server's, of HTTP. It shows them to nobody, so they are looked for among all there is."""
    return [one.transport for one in gc.get_objects() if issubclass(type(one), HttpToolsProtocol)]


def most_unsent_bytes(found: list[asyncio.Transport]) -> int:
    """What a client has not taken and the kernel has no room for."""
    return max(one.get_write_buffer_size() for one in found)


@pytest.mark.parametrize("writer", WRITERS)
async def test_a_stuck_reader_costs_bounded_memory_and_nobody_elses_delay(hubs: Hubs, writer: str) -> None:
    session = await opened(hubs.api)
    path = V1.format(session.id) + "?after=6"
    async with (
        dialled(hubs, writer, path, window=SMALL_WINDOW) as stuck,
        dialled(hubs, writer, path) as quick,
    ):
        await until_watched(hubs.api, session, 2)
        found = connections()
        for _ in range(60):
            await speak(hubs.api, session, *["x" * 10_000] * 10)
            await quick.body(until=b"id: %d\n" % session.seq)  # at once, whatever the other one does
            assert (
                most_unsent_bytes(found) <= HIGH_WATER_BYTES + max(RING_BYTES, PAGE_BYTES) * 1.1
            )  # with their framing
        assert most_unsent_bytes(found) > 0, "it was not stuck"
        await end(hubs.api, session)
        body = await stuck.body()
    numbers = [int(line[4:]) for line in body.split(b"\n") if line.startswith(b"id: ")]
    assert numbers == list(range(7, session.seq + 1))


@pytest.mark.parametrize("writer", WRITERS)
async def test_readers_of_every_pace_see_every_event_once_and_in_order(hubs: Hubs, writer: str) -> None:
    session = await opened(hubs.api)
    path = V1.format(session.id) + "?after=6"
    seen: list[list[int]] = [[] for _ in range(4)]

    async def read(at: int) -> None:
        async with dialled(hubs, writer, path, window=SMALL_WINDOW * 2**at) as raw:
            while True:
                for _ in range(at * 50):
                    await checkpoint()
                piece = await raw.chunk()
                if not piece:
                    return
                seen[at] += [int(line[4:]) for line in piece.split(b"\n") if line.startswith(b"id: ")]

    async with anyio.create_task_group() as tasks:
        for at in range(len(seen)):
            tasks.start_soon(read, at)
        await until_watched(hubs.api, session, len(seen))
        for turn in range(60):
            await speak(hubs.api, session, *["x" * 2000] * (1 + turn % 40))
        await end(hubs.api, session)
    assert seen == [list(range(7, session.seq + 1))] * len(seen)


async def test_what_is_written_directly_waits_without_a_task_that_listens(hubs: Hubs) -> None:
    session = await opened(hubs.api)
    tasks: list[int] = []
    for writer in WRITERS:
        async with dialled(hubs, writer, V1.format(session.id) + f"?after={session.seq}") as raw:
            await raw.body(until=b"retry")
            await until_watched(hubs.api, session, 1)
            tasks.append(sum("RequestResponseCycle" in repr(task.get_coro()) for task in asyncio.all_tasks()))
            tasks.append(sum("_listen" in repr(task.get_coro()) for task in asyncio.all_tasks()))
        await until_watched(hubs.api, session, 0)
    assert tasks == [1, 0, 1, 1]


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", WRITERS)
async def test_whoever_leaves_is_forgotten_also_in_the_middle_of_a_page(hubs: Hubs, writer: str) -> None:
    session = await opened(hubs.api)
    async with dialled(hubs, writer, V1.format(session.id), window=SMALL_WINDOW):
        await until_watched(hubs.api, session, 1)
        assert hubs.api.hub.presence.attended(session.id)
        await speak(hubs.api, session, *["x" * 100_000] * 60)
    await until_watched(hubs.api, session, 0)
    assert not hubs.api.hub.presence.attended(session.id)
    async with dialled(hubs, writer, V1.format(session.id) + f"?after={session.seq}") as idle:
        await idle.body(until=b"retry")
        await until_watched(hubs.api, session, 1)
    await until_watched(hubs.api, session, 0)


@pytest.mark.parametrize("writer", WRITERS)
async def test_a_connection_whose_stream_has_ended_takes_the_next_request_also_one_that_came_before(
    hubs: Hubs, writer: str
) -> None:
    session = await opened(hubs.api)
    path = V1.format(session.id)
    async with dialled(hubs, writer, path) as raw:
        raw.ask("/v1/sessions/counts", hubs.api.key)  # pipelined
        await raw.body(until=b"id: 6\n")
        await end(hubs.api, session)
        assert b"event: session-ended" in await raw.body()
        assert b"200 OK" in (await raw.head())[0]
        await raw.reader.readuntil(b"}}")
        raw.ask(path + f"?after={session.seq}", hubs.api.key)
        assert (await raw.head())[0].startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize("writer", WRITERS)
async def test_a_stream_ends_when_its_key_is_revoked(hubs: Hubs, writer: str) -> None:
    session = await opened(hubs.api)
    made = (await hubs.api.http.post("/v1/keys", json={"user": "owner", "label": writer})).json()
    async with dialled(hubs, writer, V1.format(session.id), key=made["secret"]) as raw:
        await raw.body(until=b"id: 6\n")
        assert (await hubs.api.http.delete(f"/v1/keys/{made['key']['id']}")).status_code == 200
        assert await raw.body() == b""
