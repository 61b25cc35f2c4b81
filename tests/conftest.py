"""What every test shares: asyncio on uvloop, and a Hypothesis that prints what it needs to repeat a failure."""

from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("roost", deadline=None, print_blob=True)
settings.load_profile("roost")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Async tests and fixtures run on the event loop that the hub runs on."""
    return "asyncio", {"use_uvloop": True}
