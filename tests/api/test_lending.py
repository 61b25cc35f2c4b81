"""A connection that is lent to whoever writes the body of its answer himself."""

import asyncio
from typing import Any

import anyio
import pytest
import uvicorn
from uvicorn.server import ServerState

from roost.api.asgi import Receive, Scope, Send
from roost.api.lending import LendingProtocol, lent

pytestmark = pytest.mark.anyio


class Wire(asyncio.Transport):
    """A transport that keeps nothing; of a connection over TLS, if it has an `sslcontext`."""

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def write(self, data: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("tls", "lends", "is_lent"), [(False, True, True), (True, True, False), (False, False, False)]
)  # fmt: skip
async def test_a_connection_is_lent_unless_it_is_enciphered_or_the_settings_say_otherwise(
    *, tls: bool, lends: bool, is_lent: bool
) -> None:
    found: list[bool] = []

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        found.append(lent(scope) is not None)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    made = type("Made", (LendingProtocol,), {"lends": lends})
    protocol = made(config=config, server_state=state, app_state={})
    protocol.connection_made(Wire({"sslcontext": object()} if tls else {}))
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    with anyio.fail_after(10):
        await asyncio.gather(*state.tasks)
    assert found == [is_lent]


async def test_a_connection_whose_client_has_just_gone_is_lent_and_has_no_room() -> None:
    found: list[tuple[bool, bool]] = []
    told = anyio.Event()

    async def app(scope: Scope, receive: Receive, _: Send) -> None:
        connection = lent(scope)
        assert connection is not None
        while (await receive())["type"] != "http.disconnect":
            pass
        try:
            connection.lend(told.set)
            found.append((connection.gone, connection.has_room))
            connection.lend(None)
        finally:
            told.set()

    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()

    def protocol() -> Any:
        return LendingProtocol(config=config, server_state=ServerState(), app_state={})

    async with await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with await anyio.connect_tcp("127.0.0.1", port) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        with anyio.fail_after(10):
            await told.wait()
    assert found == [(True, False)]
