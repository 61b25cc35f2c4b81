"""Limits for everything inside together, by control groups, where this process may make some. Detected, never assumed.

Version 1: each controller has a tree of its own, and a group is made below the one this process is in. Version 2: one
tree, and a group is made beside or below it where the controllers may be switched on for it: no group may hold both
processes and limited groups, so a service needs `Delegate=yes` and `DelegateSubgroup=hub`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import psutil

from roost.processes import birth

Limit = Literal["memory", "processes", "cpus"]
PERIOD_US: Final = 100_000
"""Over which the use of processors is counted."""
PREFIX: Final = "roost-"
_CONTROLLERS: Final[dict[Limit, str]] = {"memory": "memory", "processes": "pids", "cpus": "cpu"}
MOUNTS: Final = Path("/proc/self/mountinfo")
MEMBERSHIP: Final = Path("/proc/self/cgroup")


class Groups:
    """The groups of one host's commands. Made with the limits that this machine can set: `limited` names them."""

    def __init__(self, limits: Mapping[Limit, float], mounts: Path = MOUNTS, membership: Path = MEMBERSHIP) -> None:
        """Blocks for a millisecond."""
        self.limited: set[Limit] = set()
        self._wanted: dict[Path, dict[str, str]] = {}
        one_tree: Path | None = None
        for limit, value in limits.items():
            for place, version in _places(_CONTROLLERS[limit], mounts, membership):
                if version == 2 and one_tree not in (None, place):
                    continue  # a process is in one group of that tree
                one_tree = place if version == 2 else one_tree
                self._wanted.setdefault(place / _name(), {}).update(_files(limit, value, version))
                self.limited.add(limit)
                break
        for path in {path.parent for path in self._wanted}:
            _sweep(path)

    def members(self) -> list[str]:
        """The files into which a process writes its pid to be limited, in groups that are there. Blocks. Raises:
        OSError: they cannot be made any more."""
        for path, files in self._wanted.items():
            if not path.exists():
                path.mkdir()
                for name, value in files.items():
                    if (path / name).exists():
                        (path / name).write_text(value)
        return [str(path / "cgroup.procs") for path in self._wanted]

    def remove(self) -> None:
        """Once nothing runs in them, and this process awaits no other any more. Blocks."""
        if not self._wanted:
            return
        for child in psutil.Process().children():
            with suppress(psutil.Error, OSError):
                if child.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(child.pid, os.WNOHANG)  # an orphan that was adopted: its group keeps it
        for path in self._wanted:
            with suppress(OSError):
                path.rmdir()


def _name() -> str:
    """Of this process and no other one, of today or later."""
    return f"{PREFIX}{os.getpid()}-{(birth(os.getpid()) or '').rpartition(':')[2]}"


def _sweep(place: Path) -> None:
    """Remove what hosts have left that could not do it themselves."""
    for path in place.glob(f"{PREFIX}*-*"):
        pid, _, started = path.name.removeprefix(PREFIX).partition("-")
        if pid.isdigit() and (birth(int(pid)) or "").rpartition(":")[2] != started:
            with suppress(OSError):
                path.rmdir()


def _places(controller: str, mounts: Path, membership: Path) -> Iterator[tuple[Path, int]]:
    """Where a group with this controller can be made, and the version of its tree."""
    own = _own_groups(membership)
    for root, mount, version, options in _trees(mounts):
        group = own.get(controller if version == 1 else "")
        if group is None or (version == 1 and controller not in options):
            continue
        place = mount / group.removeprefix(root.rstrip("/")).lstrip("/")
        if version == 1:
            if os.access(place, os.W_OK):
                yield place, 1
            continue
        for parent in (place, place.parent):
            if parent.is_relative_to(mount) and _switched_on(parent, controller):
                yield parent, 2


def _switched_on(place: Path, controller: str) -> bool:
    """Whether groups below this one are limited by the controller, or can be from now on."""
    file = place / "cgroup.subtree_control"
    try:
        if not os.access(place, os.W_OK) or controller not in (place / "cgroup.controllers").read_text().split():
            return False
        if controller not in file.read_text().split():
            file.write_text(f"+{controller}")
    except OSError:
        return False
    return True


def _files(limit: Limit, value: float, version: int) -> dict[str, str]:
    """What is written into which file, in this order."""
    whole = str(int(value))
    match limit:
        case "processes":
            return {"pids.max": whole}
        case "memory" if version == 1:
            return {"memory.limit_in_bytes": whole, "memory.memsw.limit_in_bytes": whole}
        case "memory":
            return {"memory.max": whole, "memory.swap.max": "0", "memory.oom.group": "0"}
        case "cpus" if version == 1:
            return {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(int(value * PERIOD_US))}
        case "cpus":
            return {"cpu.max": f"{int(value * PERIOD_US)} {PERIOD_US}"}


def _own_groups(membership: Path) -> dict[str, str]:
    """The group this process is in, by controller; version 2 has no name. Lines `ID:CONTROLLER,..:PATH`."""
    found: dict[str, str] = {}
    with suppress(OSError):
        for line in membership.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            found |= dict.fromkeys(controllers.split(","), path)
    return found


def _trees(mounts: Path) -> Iterator[tuple[str, Path, int, list[str]]]:
    """Of each tree that is mounted: its root there, where, its version, its options."""
    with suppress(OSError):
        for line in mounts.read_text().splitlines():
            before, _, after = line.partition(" - ")
            kind, _, options = [*after.split(" "), "", "", ""][:3]
            if kind in ("cgroup", "cgroup2"):
                fields = before.split(" ")
                yield fields[3], Path(fields[4]), 1 if kind == "cgroup" else 2, options.split(",")
