"""Real processes, found through /proc: who carries a mark, who listens, who is gone. Linux only, and says so."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from inspect import isawaitable
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import anyio
import psutil

if not sys.platform.startswith("linux"):
    raise RuntimeError("the fire tests read /proc: they need Linux")

T = TypeVar("T")
LOOK_SECONDS = 0.01


class Found(NamedTuple):
    """A process that runs (or is stopped), with its environment and its command line."""

    pid: int
    environment: dict[str, str]
    command: str

    @property
    def host(self) -> tuple[str, int] | None:
        """Session and epoch if it belongs to a host's tree: what its mark, `session.epoch.instance`, says."""
        session, _, rest = self.environment.get("ROOST_MARK", "").partition(".")
        return (session, int(rest.partition(".")[0])) if rest else None

    def __str__(self) -> str:
        return f"{self.pid} {self.command[:120]} ({self.host or 'no host'})"


def processes() -> Iterator[Found]:
    """All that we may look into. One that has ended, collected or not, has no environment any more."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                pairs = [word.partition("=") for word in _words(entry / "environ")]
                if pairs:
                    environment = {name: value for name, _, value in pairs}
                    yield Found(int(entry.name), environment, " ".join(_words(entry / "cmdline")))


def marked(session: str, epoch: int | None = None) -> list[Found]:
    """All that carries the mark of this session's hosts (of this epoch)."""
    return [found for found in processes() if found.host and found.host == (session, epoch or found.host[1])]


def is_running(pid: int) -> bool:
    """Whether it lives; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def send_signal(number: signal.Signals, *pids: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def listening() -> dict[int, int | None]:
    """Every TCP port of this machine that somebody listens on, and who (None: somebody we may not look at)."""
    found = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    return {int(c.laddr[1]): c.pid for c in found if c.laddr}


async def eventually(fact: Callable[[], T | Awaitable[T]], *, seconds: float = 15.0) -> T:
    """For facts that ring no bell (processes, files): look again and again until there is something."""
    found = await _ask(fact)
    with anyio.move_on_after(seconds):
        while not found:
            await anyio.sleep(LOOK_SECONDS)
            found = await _ask(fact)
    assert found, f"not within {seconds:g} s: {getattr(fact, '__name__', fact)}"
    return found


async def _ask(fact: Callable[[], T | Awaitable[T]]) -> T:
    found = fact()
    return await cast(Awaitable[T], found) if isawaitable(found) else cast(T, found)


async def gone(*pids: int, seconds: float = 15.0) -> None:
    """Wait until none of these processes runs."""

    def none_runs() -> bool:
        return not any(is_running(pid) for pid in pids)

    await eventually(none_runs, seconds=seconds)


def _words(file: Path) -> list[str]:
    return [word for word in file.read_bytes().decode(errors="replace").split("\0") if word]
