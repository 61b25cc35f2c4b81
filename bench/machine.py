"""The machine: what it is, and which core carries what."""

import os
import platform
import resource
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

OPEN_FILES: Final = 8192


def cores() -> tuple[int, int]:
    """One for the server, one for the load; the same one if there is no other."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextmanager
def on_core(core: int | None) -> Generator[None]:
    """This thread, and the processes it starts meanwhile with all they start themselves, run on this core only."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def move(pid: int, core: int) -> None:
    """Move a running process, with all its threads."""
    for thread in psutil.Process(pid).threads():
        os.sched_setaffinity(thread.id, {core})


def spawn(command: Sequence[str | Path], core: int | None = None, **options: Any) -> "subprocess.Popen[bytes]":
    """Start a program, pinned to a core if one is given."""
    with on_core(core):
        return subprocess.Popen[bytes](list(map(str, command)), **options)


def allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def is_in_memory(folder: Path) -> bool:
    """Whether this folder is kept in memory only: what is synced there costs nothing, so it measures nothing."""
    return _filesystem(folder) in ("tmpfs", "ramfs")


def describe(folder: Path) -> dict[str, Any]:
    server, load = cores()
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "filesystem": _filesystem(folder),
        "server_core": server,
        "load_core": load,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _filesystem(folder: Path) -> str:
    mounts = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype if mounts else "unknown"
