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
