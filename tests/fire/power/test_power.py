"""The power is cut while a hub works: all that it acknowledged, or showed to anybody, is there when it comes back."""

import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from roost.model.errors import RoostError
from tests.fire.hubs import ROOST, Fire
from tests.fire.power.load import Load
from tests.fire.power.power import Powered
from tests.fire.power.promises import broken, look_at, look_inside
from tests.fire.watch import deltas, script

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

PLAYED = (sys.executable, "-m", "bench.tickets")
FORGETFUL = (sys.executable, "-m", "tests.fire.power.forgetful")
SESSIONS = 3
WRITES = script(deltas(5000, 300))
"""Keeps a real host busy until the power is cut."""


async def look_at_images(powered: Powered, load: Load, cuts: int) -> list[str]:
    """What is broken in any folder that a cut may have left."""
    found: list[str] = []
    for position, image in powered.images(cuts):
        made = [promise for promise in powered.promises if promise.position <= position]
        try:
            found += broken(made, await look_inside(image, [*load.sessions, *load.imported]))
        except (RoostError, sqlite3.Error, AssertionError) as error:
            found.append(f"the store cannot be read: {error}")
    return found


async def cut_again_and_again(
    fire: Fire, library: Path, command: Sequence[str], rounds: int, cuts: int, task: str = ""
) -> list[str]:
    """What was broken. In each round the power is cut once for real, after which the hub must go on; and `cuts` times
    in thought."""
    powered = Powered(fire, library)
    load = Load(powered, Random(fire.random.random()), fire.folder / "spools", task)
    await powered.start(command)
    async with powered.hub.client() as client:
        for _ in range(SESSIONS):
            await load.create(client)
    for _ in range(rounds):
        async with powered.hub.client() as client:
            await load.put_on(client, fire.random.uniform(0, 0.7))
        if found := await look_at_images(powered, load, cuts):
            return found
        powered.put_back()
        await powered.hub.start()
        async with powered.hub.client() as client:
            sessions = [*load.sessions, *load.imported]
            found = broken(powered.promises, await look_at(client, powered.hub.data, sessions, load.secrets))
        if found:
            return found
    print(f"{powered.cuts} cuts, {len(powered.promises)} promises, {load.acknowledged} acknowledgements")
    return []


@pytest.mark.timeout(150)
async def test_what_was_acknowledged_is_there_after_a_power_cut(fire: Fire, library: Path) -> None:
    assert await cut_again_and_again(fire, library, PLAYED, rounds=2, cuts=8) == []


@pytest.mark.timeout(150)
async def test_a_hub_that_does_not_wait_for_its_disk_is_caught(fire: Fire, library: Path) -> None:
    found = await cut_again_and_again(fire, library, FORGETFUL, rounds=1, cuts=2)
    assert any("Acknowledged" in each for each in found), found[:3]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("hub", range(10))
async def test_it_is_there_after_any_of_a_thousand_power_cuts(fire: Fire, library: Path, hub: int) -> None:
    assert await cut_again_and_again(fire, library, PLAYED, rounds=2, cuts=50) == []


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_what_real_hosts_said_and_somebody_saw_is_there_after_a_power_cut(fire: Fire, library: Path) -> None:
    assert await cut_again_and_again(fire, library, ROOST, rounds=5, cuts=20, task=WRITES) == []
