"""Sessions as one file, from Python."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx

from roost.client.wire import Wire

STEP_SECONDS = 300.0
"""How long a hub may take until it has read a bundle, or begins to give one."""


class AsyncExporting:
    """What of a session handle gives its session away (AsyncSession)."""

    _wire: Wire
    _path: str

    @asynccontextmanager
    async def export(self) -> AsyncGenerator[AsyncGenerator[bytes]]:
        """The session as a bundle, piece by piece: `async with session.export() as pieces: async for piece in pieces`.
        `AsyncClient.import_session` takes it."""
        async with self._wire.download(f"{self._path}/export", params={}, seconds=STEP_SECONDS) as response:
            yield pieces_of(self._wire, response)


async def pieces_of(wire: Wire, response: httpx.Response) -> AsyncGenerator[bytes]:
    """A body as it comes. Raises: HubUnreachable: it broke off."""
    try:
        async for piece in response.aiter_raw():
            yield piece
    except httpx.TransportError as error:
        raise wire.lost(error) from error
