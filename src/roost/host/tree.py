"""The processes of a host: each command in its own session, all of them found again and killed.

On Linux the host adopts orphans of its commands, so that everything they started stays below it whatever it does to
its environment, group or parent.
"""

import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT

import anyio
import psutil
from anyio import to_thread
from anyio.abc import ByteReceiveStream
from anyio.abc import Process as AnyioProcess

from roost.model.ids import RunId
from roost.model.sandbox import Enclosed
from roost.ports import Sandbox
from roost.processes import (
    COMMAND_MARK,
    HOST_MARK,
    RUN_MARK,
    SCREEN_MARK,
    WALL_MARK,
    born,
    clean_environment,
    descendants,
    kill_marked,
    kill_until_gone,
    living,
    marked,
    now,
    session_of,
    signal_group,
    wait_until_gone,
    with_descendants,
)  # fmt: skip

MAX_OUTPUT_BYTES = 1024 * 1024
"""What a command prints beyond this is read and thrown away."""
TRUNCATED = b"\n[output truncated]\n"
LINGER_SECONDS = 0.2
"""How long output is still read after a command's end, while something it left behind keeps the pipe open."""
BIRTH_SECONDS = 0.02
"""A process may seem to be so much older than it is: the system counts births in ticks."""
TERM_SECONDS = 0.5
"""Between SIGTERM and SIGKILL."""

_PR_SET_CHILD_SUBREAPER = 36


class Command:
    """A running command in its own session (ports.Process)."""

    def __init__(self, process: AnyioProcess, mark: str, *, walled: bool = False) -> None:
        """`mark`: its value of `ROOST_COMMAND`. `walled`: the process is a wall, and the command is below it."""
        self.pid = process.pid
        self._mark, self._walled = mark, walled
        self._process = process
        self._left = MAX_OUTPUT_BYTES

    async def output(self) -> AsyncIterator[bytes]:
        """Standard output and error, together, as they come; at most 1 MiB, and a line that says so."""
        async for chunk in self.stdout():
            if self._left <= 0:
                continue
            self._left -= len(chunk)
            yield chunk if self._left > 0 else chunk[: self._left or None] + TRUNCATED

    async def stdout(self) -> AsyncIterator[bytes]:
        """All of it."""
        while (chunk := await self._chunk(self._process.stdout)) is not None:
            yield chunk

    async def stderr(self) -> AsyncIterator[bytes]:
        """All of it, if it was started with `apart`."""
        while (chunk := await self._chunk(self._process.stderr)) is not None:
            yield chunk

    async def write(self, data: bytes) -> None:
        """To its standard input, if it was started with `talks`. Raises: OSError: it does not listen any more."""
        try:
            assert self._process.stdin is not None
            await self._process.stdin.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise BrokenPipeError("the process does not listen any more") from error

    async def wait(self) -> int:
        return await self._process.wait()

    def terminate(self) -> None:
        """SIGTERM to the group; nobody waits for its end."""
        if self._process.returncode is None:
            signal_group(self.pid, signal.SIGTERM)

    def now(self) -> float:
        """This moment, for `kill_offspring`."""
        return now()

    async def kill_offspring(self, since: float) -> None:
        """SIGKILL to whatever it has started since that moment, but not to itself."""
        await to_thread.run_sync(_kill_offspring, self.pid, self._mark, since - BIRTH_SECONDS)

    async def kill(self) -> None:
        """SIGTERM to the group, or to all inside of its walls, then SIGKILL to everything it started."""
        below = await to_thread.run_sync(descendants, self.pid)
        if self._process.returncode is None:
            if self._walled:
                _terminate(below)
            else:
                signal_group(self.pid, signal.SIGTERM)
            with anyio.move_on_after(TERM_SECONDS):
                await self._process.wait()
        await to_thread.run_sync(_kill_command, self._mark, below)
        await self._process.wait()

    async def _chunk(self, stream: ByteReceiveStream | None) -> bytes | None:
        """The next output; None at its end."""
        chunk: bytes | None = None
        if stream is None:
            return None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._linger, tasks.cancel_scope)
            with suppress(anyio.EndOfStream, anyio.ClosedResourceError):
                chunk = await stream.receive()
            tasks.cancel_scope.cancel()
        return chunk

    async def _linger(self, reading: anyio.CancelScope) -> None:
        await self._process.wait()
        await anyio.sleep(LINGER_SECONDS)
        reading.cancel()


class Tree:
    """Starts commands and ends them all."""

    def __init__(self, mark: str, file: Path, sandbox: Sandbox | None = None) -> None:
        """`mark`: the value of `ROOST_MARK` for everything started here; `file`: what it holds open; `sandbox`: what it
        runs in."""
        self._mark, self._sandbox = mark, sandbox
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._count = 0
        self._zombies: set[int] = set()
        self.lasting = False
        """Something runs that carries the mark of a screen, from here or from an older host."""
        adopt_orphans()

    async def spawn(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path,
        env: Mapping[str, str],
        run: RunId | None = None,
        apart: bool = False,
        talks: bool = False,
        outside: bool = False,
        lasts: bool = False,
        terminal: int | None = None,
    ) -> Command:
        """Start a command; a string goes to the shell. `apart`: its two outputs are not joined. `talks`: it is written
        to. `outside`: of the sandbox, for a person's own. `lasts`: what it leaves behind outlives this host, if that
        dies. `terminal`: a descriptor that it has for input and outputs. Raises: OSError: it cannot be started;
        SandboxUnavailable."""
        self._count += 1
        marks = {HOST_MARK: self._mark, COMMAND_MARK: f"{self._mark}.{self._count}"} | (
            {RUN_MARK: self._of(run)} if run else {}
        )
        if lasts:
            marks |= {SCREEN_MARK: session_of(self._mark)}
            self.lasting = True
        enclosed = await self.enclosed(command, cwd=cwd, env=env, outside=outside)
        process = await anyio.open_process(
            enclosed.command,
            cwd=cwd,
            env=enclosed.env | marks,
            stdin=terminal or (PIPE if talks else DEVNULL),
            stdout=terminal or PIPE,
            stderr=terminal or (PIPE if apart else STDOUT),
            start_new_session=True,
            pass_fds=(self._file,),
        )
        return Command(process, marks[COMMAND_MARK], walled=WALL_MARK in enclosed.env)

    @property
    def sandboxed(self) -> bool:
        return self._sandbox is not None and self._sandbox.enclosure.kind != "none"

    async def enclosed(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path,
        env: Mapping[str, str],
        outside: bool = False,
        lasts: bool = False,
    ) -> Enclosed:
        """How this is started in the sandbox, if there is one, or `outside` of it; `lasts`: to outlive this host.
        Raises: SandboxUnavailable."""
        if self._sandbox is not None and not outside:
            return await self._sandbox.enclose(command, cwd=cwd, env=env, lasts=lasts)
        words = ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)
        return Enclosed(command=words, env=clean_environment() | dict(env))

    def _of(self, run: RunId) -> str:
        """The mark of a run: with its session, so that nobody else's run is ever taken for it."""
        return f"{session_of(self._mark)}.{run}"

    async def kill_run(self, run: RunId) -> None:
        """End every command of this run and what it started: SIGTERM to the groups, then SIGKILL to all."""
        await to_thread.run_sync(_end_run, self._of(run))

    async def kill(self) -> bool:
        """SIGKILL everything below the host and everything with its mark, until a scan finds none."""
        return await to_thread.run_sync(_kill_tree, self._mark, self.lasting)

    def reap(self) -> None:
        """Collect adopted processes that have ended. Call it now and then, seconds apart: a zombie that was there the
        last time already is nobody's; our own are collected by the event loop at once."""
        if not _any_zombie():
            self._zombies.clear()
            return
        zombies = {child.pid for child in psutil.Process().children() if not living([child])}
        for pid in zombies & self._zombies:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        self._zombies = zombies - self._zombies


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans, where the system can (Linux)."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _any_zombie() -> bool:
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def _kill_command(mark: str, below: list[psutil.Process]) -> None:
    kill_until_gone(lambda: [*living(below), *with_descendants(marked(COMMAND_MARK, mark.__eq__))])


def _kill_offspring(pid: int, mark: str, since: float) -> None:
    def young() -> list[psutil.Process]:
        found = [*descendants(pid), *marked(COMMAND_MARK, mark.__eq__)]
        return with_descendants([one for one in found if one.pid != pid and born(one) >= since])

    kill_until_gone(young)


def _terminate(processes: list[psutil.Process]) -> None:
    """SIGTERM to each, but not to walls: those inside would be killed with them before they had their time."""
    for process in processes:
        with suppress(psutil.Error, OSError):
            if WALL_MARK not in process.environ():
                process.terminate()


def _end_run(mark: str) -> None:
    found = marked(RUN_MARK, mark.__eq__)
    _terminate(found)
    wait_until_gone(found, TERM_SECONDS)
    kill_marked(RUN_MARK, mark.__eq__)


def _kill_tree(mark: str, lasting: bool) -> bool:
    me, session = os.getpid(), session_of(mark)

    def find() -> list[psutil.Process]:
        lasts = marked(SCREEN_MARK, session.__eq__) if lasting else []
        return [*descendants(me), *marked(HOST_MARK, mark.__eq__), *with_descendants(lasts)]

    return kill_until_gone(find)
