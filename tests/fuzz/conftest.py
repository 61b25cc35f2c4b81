"""A hub that answers on a port, for each fuzzer its own."""

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from tests.api.served import Served, served


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncGenerator[Served]:
    """The same for long tests, which say themselves how long they may take."""
    async with served(tmp_path, rate_per_second=0, sse_heartbeat_seconds=0.5) as running:
        yield running


@pytest.fixture
async def api(tmp_path: Path) -> AsyncGenerator[Served]:
    with anyio.fail_after(50):
        async with served(tmp_path, rate_per_second=0, sse_heartbeat_seconds=0.5) as running:
            yield running
