"""One hub for all tests of a module: they make sessions of their own and look at nobody else's."""

from collections.abc import AsyncGenerator

import pytest

from tests.api.served import Served, served


@pytest.fixture(scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    """A hub whose default agent is `scripted`, and whose hosts never start."""
    async with served(tmp_path_factory.mktemp("coder"), agent="scripted", rate_per_second=0) as running:
        yield running
