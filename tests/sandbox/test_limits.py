"""What everything inside may use together, and what is said where this machine cannot set it."""

import os
from pathlib import Path

import pytest

from roost.model.sandbox import SandboxSpec
from roost.sandboxes.bubblewrap import cgroups
from roost.sandboxes.bubblewrap.cgroups import Groups
from tests.sandbox.conftest import Boxed

FORKS = """
import os, time
made = 0
try:
    while made < 500:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except OSError as error:
    print("stopped after", made, error.strerror, flush=True)
"""
EATS = """
held = []
for _ in range(400):
    held.append(bytearray(b"x" * 1024 * 1024))
print("ate it all")
"""


async def test_a_fork_bomb_ends_at_the_limit_and_is_gone_with_its_walls(boxed: Boxed) -> None:
    async with boxed(processes=40) as box:
        (box.workspace / "forks.py").write_text(FORKS)
        unapplied = box.sandbox.enclosure.unapplied
        if os.getuid() == 0 and unapplied:
            pytest.fail(f"needs control groups that root can write: {unapplied}")
        _, said = await box.run("python3 forks.py")
        assert "stopped after" in said and int(said.split()[2]) < 40
        assert (await box.run("echo still works"))[1] == "still works\n"


async def test_a_memory_bomb_ends_at_the_limit_and_the_host_goes_on(boxed: Boxed) -> None:
    async with boxed(memory=100 * 1024 * 1024) as box:
        (box.workspace / "eats.py").write_text(EATS)
        code, said = await box.run("python3 eats.py")
        assert code != 0 and "ate it all" not in said
        assert (await box.run("echo still works"))[1] == "still works\n"


async def test_no_group_is_left_behind(boxed: Boxed) -> None:
    async with boxed(memory=100 * 1024 * 1024, processes=50, cpus=0.5) as box:
        await box.run("true")
        made = [Path(file).parent for file in box.sandbox._groups.members()]
    assert not [path for path in made if path.exists()]


async def test_a_limit_that_cannot_be_set_is_named(
    boxed: Boxed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "nothing").touch()
    monkeypatch.setattr(cgroups.Groups.__init__, "__defaults__", (tmp_path / "nothing", tmp_path / "nothing"))
    async with boxed(memory=100 * 1024 * 1024, cpus=0.5) as box:
        said = box.sandbox.enclosure.unapplied
        (box.workspace / "eats.py").write_text(EATS)
        code, _ = await box.run("python3 eats.py")
    assert said == ("memory: no control group, so each process alone is limited", "cpus: no control group")
    assert code != 0, "a process alone is"


def tree(place: Path, version: int, *, controllers: str = "memory pids cpu", enabled: str = "") -> tuple[Path, Path]:
    """A folder that looks like the control groups of a machine: what is mounted, and where this process is."""
    (place / "hub").mkdir(parents=True)
    if version == 2:
        for group in (place, place / "hub"):
            (group / "cgroup.controllers").write_text(controllers)
            (group / "cgroup.subtree_control").write_text(enabled)
    kinds = ["cgroup2"] if version == 2 else controllers.split()
    mounts, membership = place.parent / "mountinfo", place.parent / "membership"
    mounts.write_text(
        "".join(f"1 1 0:1 / {place} rw - {'cgroup2' if version == 2 else 'cgroup'} x rw,{kind}\n" for kind in kinds)
    )
    membership.write_text("0::/hub\n" if version == 2 else "".join(f"1:{kind}:/hub\n" for kind in kinds))
    return mounts, membership


LIMITS = {"memory": 1e9, "processes": 10, "cpus": 1.5}


def test_version_1_has_a_group_for_each_controller(tmp_path: Path) -> None:
    groups = Groups(LIMITS, *tree(tmp_path / "cg", 1))  # pyright: ignore[reportArgumentType]
    assert groups.limited == {"memory", "processes", "cpus"}
    members = groups.members()
    assert {Path(file).parent.parent for file in members} == {tmp_path / "cg" / "hub"}


@pytest.mark.parametrize("enabled", ["memory pids cpu", ""])
def test_version_2_has_one_group_where_the_controllers_are_or_can_be_switched_on(tmp_path: Path, enabled: str) -> None:
    groups = Groups(LIMITS, *tree(tmp_path / "cg", 2, enabled=enabled))  # pyright: ignore[reportArgumentType]
    assert groups.limited == {"memory", "processes", "cpus"} and len(groups.members()) == 1


def test_without_the_controllers_nothing_is_limited_and_nothing_made(tmp_path: Path) -> None:
    groups = Groups(LIMITS, *tree(tmp_path / "cg", 2, controllers="hugetlb"))  # pyright: ignore[reportArgumentType]
    assert groups.limited == set() and groups.members() == []


def test_what_a_dead_host_has_left_is_swept_away_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    place = tmp_path / "cg"
    about = tree(place, 1)
    mine = Path(Groups(LIMITS, *about).members()[0]).parent  # pyright: ignore[reportArgumentType]
    (place / "hub" / "roost-999999999-1").mkdir()
    (place / "hub" / f"roost-{os.getpid()}-1").mkdir()  # of another process that had this number
    Groups(LIMITS, *about)  # pyright: ignore[reportArgumentType]
    assert [path.name for path in (place / "hub").glob("roost-*")] == [mine.name]


def test_the_least_that_may_be_asked_for_is_told() -> None:
    from roost.model.errors import InvalidBody
    from roost.model.sandbox import MIN_CPUS, MIN_MEMORY_BYTES, MIN_PROCESSES, SandboxRequest

    edge = SandboxRequest(memory=MIN_MEMORY_BYTES, processes=MIN_PROCESSES, cpus=MIN_CPUS)
    assert edge.settled() == SandboxSpec(memory=MIN_MEMORY_BYTES, processes=MIN_PROCESSES, cpus=MIN_CPUS)
    assert SandboxRequest(memory=0, processes=0, cpus=0).settled().memory == 0
    for wrong in (
        {"memory": MIN_MEMORY_BYTES - 1},
        {"processes": MIN_PROCESSES - 1},
        {"cpus": MIN_CPUS / 2},
        {"memory": -1},
    ):
        with pytest.raises(InvalidBody):
            SandboxRequest(**wrong).settled()  # pyright: ignore[reportArgumentType]
