"""A real hub for the tests of the client."""

from collections.abc import AsyncIterator

import pytest

from roost.client import AsyncClient
from roost.testing import RunningHub, running_hub


@pytest.fixture(scope="module")
async def hub() -> AsyncIterator[RunningHub]:
    async with running_hub() as running:
        yield running


@pytest.fixture
async def client(hub: RunningHub) -> AsyncIterator[AsyncClient]:
    async with hub.client() as opened:
        yield opened
