"""One suite over every implementation of a seam."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from roost.ports import Store
from roost.storage import SCHEMES, open_store


@pytest.fixture(params=sorted(SCHEMES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(request.param, tmp_path)
    yield store
    await store.close()
