"""What every test shares: asyncio on uvloop, and a world without traces of whoever runs the tests."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("roost", deadline=None, print_blob=True)
settings.load_profile("roost")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Async tests and fixtures run on the event loop that the hub runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session", autouse=True)
def strangers_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Neither a hub nor a git configuration of one's own: tests, and the processes they start, see a fresh machine.

    `ROOST_TEST_*` stays, for the seeds of random tests. Whoever commits in a test says who they are.
    """
    ours = [name for name in os.environ if name.startswith(("ROOST_", "GIT_")) and not name.startswith("ROOST_TEST_")]
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ours:
            patch.delenv(name)
        patch.setenv("ROOST_DATA", str(home / "roost"))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield home
