"""What the tests under fire share. `ROOST_FIRE_SEED` repeats a run; the seed is printed with every failure, and at the
end."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from secrets import randbelow, token_hex

import pytest

from tests.fire.hubs import MARK, Fire

SEED = int(os.environ.get("ROOST_FIRE_SEED") or randbelow(1_000_000))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"under fire with ROOST_FIRE_SEED={SEED}")


@pytest.fixture
def seed() -> int:
    print(f"ROOST_FIRE_SEED={SEED}")
    return SEED


@pytest.fixture
async def fire(
    seed: int, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Fire]:
    """A place for hubs. After the test no process, no port, no mount of it is left, or the test has failed."""
    mark = token_hex(8)
    monkeypatch.setenv(MARK, mark)
    fire = Fire(tmp_path, mark, Random(f"{seed} {request.node.name}"))
    try:
        yield fire
        print(fire.story())
        await fire.leave()
    finally:
        await fire.clean()
