"""A hub that dies in the moment in which it lets somebody in."""

import socket
import struct
import time
from collections.abc import Iterator
from threading import Thread

import anyio
import anyio.lowlevel
import pytest

from roost.client import AsyncClient
from roost.model.errors import HubUnreachable

pytestmark = pytest.mark.anyio

CONNECTIONS = 300
AT_ONCE = 20
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing resets."""


@pytest.fixture
def resetting() -> Iterator[str]:
    """The address of a server that resets every connection at once."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(100)

        def serve() -> None:
            for _ in range(CONNECTIONS):
                connection, _ = server.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                connection.close()

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


async def test_a_connection_reset_the_moment_it_is_made_is_a_hub_out_of_reach(resetting: str) -> None:
    async with AsyncClient(resetting, api_key="agc_none") as client:

        async def knock() -> None:
            for _ in range(CONNECTIONS // AT_ONCE):
                with pytest.raises(HubUnreachable):
                    await client.health()

        async def dawdle() -> None:
            """The loop is late for everything: the reset is there before anybody has looked at the connection."""
            while True:
                time.sleep(0.002)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as busy:
            busy.start_soon(dawdle)
            async with anyio.create_task_group() as tasks:
                for _ in range(AT_ONCE):
                    tasks.start_soon(knock)
            busy.cancel_scope.cancel()
