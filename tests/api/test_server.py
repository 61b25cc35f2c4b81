"""Serving inside the caller's event loop: on any port, and ending properly."""

import socket
from pathlib import Path

import anyio
import pytest

from roost.api.server import listen, serve
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


async def until_asked(api: Served) -> None:
    """Once a later request is answered, an earlier one has begun."""
    assert (await api.http.get("/v1/agents")).status_code == 200


async def test_after_the_end_nobody_listens(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        port = api.port
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))
