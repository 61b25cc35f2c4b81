"""Serving inside the caller's event loop: on any port, and ending properly."""

import re
import socket
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from roost.api.server import STOP_SECONDS, listen, serve
from roost.model.errors import StartFailed
from tests.api.served import Served, served, serving

pytestmark = pytest.mark.anyio


async def test_port_0_takes_a_free_port_and_says_which(api: Served) -> None:
    assert api.port > 0
    assert (await api.http.get("/readyz")).status_code == 200


async def test_two_hubs_serve_side_by_side_in_one_loop(tmp_path: Path) -> None:
    async with served(tmp_path / "a") as one, served(tmp_path / "b") as two:
        await one.create()
        assert (await one.http.get("/v1/sessions")).json()["total"] == 1
        assert (await two.http.get("/v1/sessions")).json()["total"] == 0


async def test_a_port_that_is_taken_is_a_clear_error(api: Served) -> None:
    with pytest.raises(StartFailed):
        await serve(api.app, "127.0.0.1", api.port, on_ready=lambda _: None)
    with pytest.raises(StartFailed):
        await serve(api.app, "no.such.host.invalid", 0, on_ready=lambda _: None)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_socket_is_not_inherited_by_children(host: str) -> None:
    with listen(host, 0) as listening:
        assert not listening.get_inheritable()


async def test_a_request_under_way_is_answered_before_the_server_ends(api: Served) -> None:
    body = b'{"agent": "scripted"}'
    head = f"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nx-roost-key: {api.key}\r\n"
    async with anyio.create_task_group() as tasks:
        port: int = await tasks.start(serving, api.app)
        async with await anyio.connect_tcp("127.0.0.1", port) as client:
            await client.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body[:5])
            await until_asked(api)
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True), anyio.fail_after(5):
                await client.send(body[5:])
                assert (await client.receive()).startswith(b"HTTP/1.1 201")


async def test_requests_sent_at_once_on_one_connection_are_answered_in_their_order(api: Served) -> None:
    sessions = [(await api.create(label=label)).id for label in ("first", "second", "third")]
    head = f"Host: localhost\r\nx-roost-key: {api.key}\r\n"
    requests = [f"GET /v1/sessions/{session} HTTP/1.1\r\n{head}" for session in sessions]
    answers = b""
    async with await anyio.connect_tcp("127.0.0.1", api.port) as client:
        await client.send("\r\n".join([*requests[:-1], requests[-1] + "Connection: close\r\n", ""]).encode())
        with suppress(anyio.EndOfStream):
            while True:
                answers += await client.receive()
    assert re.findall(rb'"label":"(\w+)"', answers) == [b"first", b"second", b"third"]


async def until_asked(api: Served) -> None:
    """Once a later request is answered, an earlier one has begun."""
    assert (await api.http.get("/v1/agents")).status_code == 200


async def test_clients_that_come_back_at_once_do_not_hold_up_the_end(api: Served) -> None:
    session = await api.live(task="hello")
    request = f"GET /v1/sessions/{session.id}/events?key={api.key} HTTP/1.1\r\nHost: localhost\r\n"
    ended = anyio.Event()

    async def come_back(port: int) -> None:
        while not ended.is_set():
            try:
                async with await anyio.connect_tcp("127.0.0.1", port) as client:
                    await client.send(f"{request}Accept: text/event-stream\r\n\r\n".encode())
                    while True:
                        await client.receive()
            except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
                await checkpoint()

    began, took = 0.0, float(STOP_SECONDS)
    async with anyio.create_task_group() as clients:
        async with anyio.create_task_group() as server:
            port: int = await server.start(serving, api.app)
            for _ in range(20):
                clients.start_soon(come_back, port)
            await until_asked(api)
            began = anyio.current_time()
            server.cancel_scope.cancel()
        took = anyio.current_time() - began
        ended.set()
    assert took < STOP_SECONDS / 2


async def test_a_reader_that_stopped_reading_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with anyio.fail_after(STOP_SECONDS + 5):
        async with served(tmp_path) as api, await anyio.connect_tcp("127.0.0.1", api.port) as client:
            session = await api.live(task="x" * 100_000)
            head = f"GET /v1/sessions/{session.id}/events HTTP/1.1\r\nHost: localhost\r\nx-roost-key: {api.key}\r\n"
            await client.send(f"{head}Accept: text/event-stream\r\n\r\n".encode())
            await until_asked(api)


async def test_after_the_end_nobody_listens(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        port = api.port
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))
