"""The checker catches hubs that break their promises, and says which; the hub as it is passes the same steps."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from roost.testing import HubProcess
from roost.testing.hub_process import QUIET
from roost.testing.leaving import end_hosts
from tests.fire.chaos.checker import RULES, Violation, check
from tests.fire.chaos.history import History, read
from tests.fire.chaos.mutants import MUTANTS
from tests.fire.chaos.mutants.scene import LOST_SECONDS, scene
from tests.fire.chaos.mutants.steps import STEPS

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

SETTINGS: Final[dict[str, Any]] = QUIET | {"link_lost_after_seconds": 120, "rate_per_second": 0}
BROKEN_SECONDS: Final = 2.0
"""How long to wait for what a broken hub never does."""


@asynccontextmanager
async def hub(data: Path, name: str) -> AsyncGenerator[HubProcess]:
    """A broken one, or with the name `none` the hub as it is."""
    started = HubProcess(data, SETTINGS, [sys.executable, "-m", "tests.fire.chaos.mutants", name])
    try:
        await started.start()
        yield started
    finally:
        with anyio.CancelScope(shield=True):
            await started.kill()
            await end_hosts(data)


async def violations(hub: HubProcess, name: str, file: Path, *, patience: float) -> list[Violation]:
    """What the checker says of the steps for this mutant."""
    history = History(file)
    async with scene(hub, history, patience=patience) as there:
        await STEPS[name](there)
        await there.rest()
    history.close()
    return check(read(file))


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_hub_that_breaks_a_promise_is_caught_by_the_rule_of_that_promise(name: str, tmp_path: Path) -> None:
    async with hub(tmp_path / "data", name) as broken:
        found = await violations(broken, name, tmp_path / "history", patience=BROKEN_SECONDS)
    assert MUTANTS[name].rule in {violation.rule for violation in found}


@pytest.mark.timeout(180)
async def test_the_hub_as_it_is_passes_what_the_broken_ones_fail(tmp_path: Path) -> None:
    async with hub(tmp_path / "data", "none") as whole:
        for name in MUTANTS:
            found = await violations(whole, name, tmp_path / name, patience=LOST_SECONDS)
            assert [str(violation) for violation in found] == [], name


def test_every_mutant_has_its_steps_and_every_rule_a_mutant() -> None:
    assert list(STEPS) == list(MUTANTS)
    assert {mutant.rule for mutant in MUTANTS.values()} == RULES.keys()
