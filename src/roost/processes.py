"""Finding and killing processes that may not want to be found. Used beside the workspace and by runtimes.

Every process of a host carries the marker `ROOST_MARK=<session>.<epoch>.<nonce>` in its environment, so that also one
that left its parent, group and session is found. One that wiped its environment is found as a descendant of the host;
and once the host is gone (on Linux), by the open mark file that it inherited.
"""

import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from secrets import token_hex

import psutil

from roost.model.ids import Epoch, SessionId

HOST_MARK = "ROOST_MARK"
RUN_MARK = "ROOST_RUN"
COMMAND_MARK = "ROOST_COMMAND"
SCREEN_MARK = "ROOST_SCREEN"
"""Names the session of a screen (drivers/terminal): it outlives a host that dies, and the next one takes it up."""
WALL_MARK = "ROOST_WALL"
"""In the environment of a process that is a wall around others: it goes when they have gone, and is not asked to."""
NO_THREAD = "can't start new thread"
"""What Python says when the system allows no further thread or process."""
KILL_SECONDS = 20.0
_ROUND_SECONDS = 0.05
_LOOK_SECONDS = 0.002


def clean_environment() -> dict[str, str]:
    """What a command inherits: our environment without Roost's own settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}


def mark_file(data: Path, session: SessionId) -> Path:
    """The file that everything a session's hosts start holds open."""
    return data.resolve() / "hosts" / f"{session}.mark"


def screen_folder(data: Path, session: SessionId) -> Path:
    """Where what outlives a session's hosts has its sockets; gone with it."""
    return data.resolve() / "screens" / session


def screens_of(data: Path) -> list[SessionId]:
    """Sessions that have such a folder."""
    return [SessionId(folder.name) for folder in sorted((data.resolve() / "screens").glob("*"))]


def new_host_mark(session: SessionId, epoch: Epoch) -> str:
    """A value of `ROOST_MARK` for one host and everything it starts. A second host of the same epoch has its own."""
    return f"{session}.{epoch}.{token_hex(4)}"


def session_of(mark: str) -> str:
    """The session that a mark names."""
    return mark.partition(".")[0]


def birth(pid: int) -> str | None:
    """A name for this very process, different for a later one with the same pid; None if it is gone (or a zombie).

    On Linux from the boot's id and the kernel's ticks, which no change of the clock moves. Raises: OSError: we can open
    nothing more, so nobody knows.
    """
    try:
        state, _, ticks = _stat(pid)
        boot = _boot_id()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        if _is_blind(error):
            raise
        return _psutil_birth(pid)
    return None if state in "ZX" else f"{boot}:{ticks}"


def now() -> float:
    """This moment, on the clock of `born`: seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.time()


def born(process: psutil.Process) -> float:
    """When it was started, a hundredth of a second early or late; of one that is gone: never. Not psutil's way alone:
    on Linux that is off by up to a second. Raises: OSError: as `birth`."""
    try:
        if sys.platform == "linux":
            return int(_stat(process.pid)[2]) / os.sysconf("SC_CLK_TCK")
        return process.create_time()
    except (OSError, ValueError, psutil.Error) as error:
        if _is_blind(error):
            raise
        return float("-inf")


def marked(name: str, matches: Callable[[str], bool]) -> list[psutil.Process]:
    """Every process whose environment has `name` with a value that matches. Raises: OSError: as `birth`."""
    word = f"{name}=".encode()
    found: list[psutil.Process] = []
    for pid in psutil.pids():
        with _passing_over():
            if not _may_carry(pid, word):
                continue
            process = psutil.Process(pid)
            value = process.environ().get(name)
            if value is not None and matches(value) and _lives(process):
                found.append(process)
    return found


def holding(file: Path) -> list[psutil.Process]:
    """Every process that has this file open (Linux; elsewhere none is found). Raises: OSError: as `birth`."""
    wanted = str(file)
    found: list[psutil.Process] = []
    for pid in psutil.pids() if sys.platform == "linux" else ():
        with _passing_over():
            if _holds(f"/proc/{pid}/fd", wanted):
                found.append(psutil.Process(pid))
    return living(found)


def descendants(pid: int) -> list[psutil.Process]:
    """Children, their children, and so on, of a process that runs."""
    try:
        return with_descendants([psutil.Process(pid)])[1:]
    except psutil.Error:
        return []


def with_descendants(roots: list[psutil.Process]) -> list[psutil.Process]:
    """One look at all processes, however many roots there are. Each comes once, the roots first."""
    children = _children()
    found = list(dict.fromkeys(roots))
    known = {process.pid for process in found}
    for parent in found:  # grows
        for pid in children.get(parent.pid, ()):
            with suppress(psutil.Error):
                child = psutil.Process(pid)
                if pid not in known and born(parent) <= born(child) and _lives(child):  # else the pid is reused
                    known.add(pid)
                    found.append(child)
    return found


def but_screens(found: Collection[psutil.Process]) -> list[psutil.Process]:
    """Without screens, and all that runs on them."""
    screens: list[psutil.Process] = []
    for process in found:
        with _passing_over():
            if SCREEN_MARK in process.environ():
                screens.append(process)
    spared = set(with_descendants(screens))
    return [process for process in found if process not in spared]


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended; a zombie has."""
    return [process for process in processes if _lives(process)]


def kill_until_gone(find: Callable[[], Collection[psutil.Process]], *, seconds: float = KILL_SECONDS) -> bool:
    """SIGKILL what `find` finds, again and again, until it finds nothing; False if that took too long. Blocks."""
    deadline = time.monotonic() + seconds
    clean = True
    while True:
        try:
            found = [process for process in set(find()) if process.pid != os.getpid()]
            if found:
                _kill(found)
        except OSError:  # we can open nothing more just now: who cannot look does not know that they are gone
            found = None
            time.sleep(_ROUND_SECONDS)
        if found is not None and not found:
            if clean:
                return True
            clean = True  # once more: one that was between fork and exec carries its marks now
            time.sleep(_LOOK_SECONDS)
            continue
        clean = False
        if time.monotonic() > deadline:  # to look took that long, perhaps: what was found is killed
            return False


def _kill(found: list[psutil.Process]) -> None:
    for process in found:  # all of them stand still first, or a shell went on to its next line without its child
        with suppress(psutil.Error):
            process.suspend()  # psutil compares the start time first: a reused pid is safe
    for process in found:
        with suppress(psutil.Error):
            process.kill()
    wait_until_gone(found, _ROUND_SECONDS)


def wait_until_gone(processes: Collection[psutil.Process], seconds: float) -> None:
    """Wait so long for them to end. Not psutil's way: that would collect our own children behind the loop's back."""
    deadline = time.monotonic() + seconds
    while any(_lives(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)


def kill_marked(name: str, matches: Callable[[str], bool], *, seconds: float = KILL_SECONDS) -> bool:
    """Kill every process with this mark and all their descendants. Blocks."""
    return kill_until_gone(lambda: with_descendants(marked(name, matches)), seconds=seconds)


def signal_group(pgid: int, number: signal.Signals) -> None:
    """Send to a whole process group; nothing happens if it is empty."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


def _may_carry(pid: int, word: bytes) -> bool:
    """Whether its environment is worth taking apart: nearly no process has the word. Raises: OSError."""
    if sys.platform != "linux":
        return True
    with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123  # all processes, at each run's end
        return word in file.readall()


def _holds(folder: str, wanted: str) -> bool:
    """Whether one of these descriptors is of that file. Raises: OSError."""
    for name in os.listdir(folder):  # noqa: PTH208  # likewise
        with suppress(FileNotFoundError):  # closed meanwhile
            if os.readlink(f"{folder}/{name}") == wanted:  # noqa: PTH115
                return True
    return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False


def _children() -> dict[int, list[int]]:
    """The pids of every process' children."""
    children: dict[int, list[int]] = {}
    for pid in psutil.pids():
        with suppress(ValueError), _passing_over():
            parent = int(_stat(pid)[1]) if sys.platform == "linux" else psutil.Process(pid).ppid()
            children.setdefault(parent, []).append(pid)
    return children


@contextmanager
def _passing_over() -> Generator[None]:
    """Over a process that is gone meanwhile, or another user's. Raises: OSError: as `birth`."""
    try:
        yield
    except (OSError, psutil.Error) as error:
        if _is_blind(error):
            raise


def _is_blind(error: Exception) -> bool:
    """Whether we can open nothing more: then nothing is known of anybody."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


@cache
def _boot_id() -> str:
    """Empty where it may not be read. Raises: OSError: as `birth`."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError as error:
        if _is_blind(error):
            raise
        return ""


def _stat(pid: int) -> tuple[str, str, str]:
    """State, parent and start time of /proc/<pid>/stat; the name before them may hold anything."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    if len(fields) < 20:
        raise ValueError(pid)
    return fields[0], fields[1], fields[19]


def _psutil_birth(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return str(process.create_time()) if _lives(process) else None
    except psutil.Error:
        return None
