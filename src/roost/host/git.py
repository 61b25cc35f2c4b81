"""Running git: never asking, never reading an outer repository's environment, never saying a password again."""

import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Final

import anyio

from roost.model.addresses import scrubbed
from roost.model.errors import WorkspaceInvalid
from roost.model.sandbox import Enclosed
from roost.ports import Sandbox
from roost.processes import signal_group

QUICK_SECONDS = 30
EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What a repository without a commit is compared with."""
LAST_LINES = 10
"""Of what a long command has said, these are in its error."""
MAX_LINE_CHARS = 500
_MAX_SAID_BYTES = 64 * 1024
_CERTIFICATES: Final = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT", "GIT_SSL_KEY")
SETTINGS: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "LC_ALL": "C.UTF-8",
}
"""Said to git every time, by its environment."""
_LINE_END: Final = re.compile(rb"[\r\n]+")
_PROGRESS: Final = re.compile(r"\d+% \(|^Cloning into ")


class GitFailed(WorkspaceInvalid):
    """A git command failed."""


class Confinement:
    """The sandbox that git runs in where an agent may have written what git obeys: its filters, hooks and monitors are
    programs. Set for a task and all it starts; `sandbox` may come later, when there is a workspace."""

    def __init__(self) -> None:
        self.sandbox: Sandbox | None = None
        self.root = Path()

    def covers(self, cwd: Path) -> bool:
        if self.sandbox is None or self.sandbox.enclosure.kind == "none":
            return False
        return cwd == self.root or cwd.resolve().is_relative_to(self.root.resolve())


CONFINED: Final[ContextVar[Confinement | None]] = ContextVar("roost_git_confined", default=None)


async def enclosed(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Enclosed:
    """How to run a command of git, or on its files: in the sandbox, if there is one around this folder. What `env` says
    of a place of its own for the index (`GIT_INDEX_FILE`) is seen there too."""
    confinement = CONFINED.get()
    if confinement is None or confinement.sandbox is None or not confinement.covers(cwd):
        return Enclosed(command=tuple(command), env=environment() | dict(env))
    own = [Path(env["GIT_INDEX_FILE"]).parent] if "GIT_INDEX_FILE" in env else []
    return await confinement.sandbox.enclose(command, cwd=cwd, env=SETTINGS | dict(env), own=own)


def environment() -> dict[str, str]:
    inherited = {n: value for n, value in os.environ.items() if n in _CERTIFICATES or not n.startswith("GIT_")}
    return inherited | SETTINGS


def in_repository(folder: Path) -> bool:
    """Whether this folder may lie in a repository. Told without a process; git itself may still say no."""
    return any(os.path.lexists(above / ".git") for above in (folder, *folder.parents))


def ask_git(*arguments: str, cwd: Path) -> str:
    """What a quick command prints. Blocks. Raises: GitFailed."""
    try:
        done = subprocess.run(
            _command(arguments),
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=QUICK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git {arguments[0]} did not run: {error}") from None
    return _printed(arguments, done.returncode, done.stdout, done.stderr)


async def run_git(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """The same without blocking and without a limit of time; a cancellation kills the command. Raises: GitFailed."""
    told = await enclosed(_command(arguments), cwd, env or {})
    try:
        done = await anyio.run_process(told.command, cwd=cwd, env=told.env, check=False)
    except OSError as error:
        raise GitFailed(f"git {arguments[0]} did not run: {error}") from None
    return _printed(arguments, done.returncode, done.stdout, done.stderr)


async def watch_git(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, hear: Callable[[str], None]
) -> None:
    """A command that may take long. `hear` is given each line that it says, progress too. It and what it starts are one
    group, which a cancellation kills. Raises: GitFailed: with the last lines."""
    try:
        process = await anyio.open_process(
            _command(arguments),
            cwd=cwd,
            env=environment() | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise GitFailed(f"git {arguments[0]} did not run: {error}") from None
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        async for line in _lines(process.stderr):
            hear(line)
            if not _PROGRESS.search(line):
                last.append(line)
        code = await process.wait()
    except BaseException:
        signal_group(process.pid, signal.SIGKILL)
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await process.aclose()
    _printed(arguments, code, b"", "\n".join(last).encode())


async def _lines(stream: AsyncIterable[bytes] | None) -> AsyncGenerator[str]:
    """Each line as it comes, cut at `MAX_LINE_CHARS`. A progress that is written over itself is many lines."""
    if stream is None:
        return
    rest = b""
    async for chunk in stream:
        *whole, rest = _LINE_END.split(rest + chunk)
        for line in whole:
            if line.strip():
                yield line.decode(errors="replace").strip()[:MAX_LINE_CHARS]
        rest = rest[-4 * MAX_LINE_CHARS :]
    if rest.strip():
        yield rest.decode(errors="replace").strip()[:MAX_LINE_CHARS]


async def git_bytes(
    *arguments: str, cwd: Path, env: Mapping[str, str], limit: int, fine: Collection[int] = (0,)
) -> tuple[bytes, bool]:
    """The first `limit` bytes that a command prints, and whether there were more. `fine`: exit codes that are no
    failure. Raises: GitFailed."""
    told = await enclosed(_command(arguments), cwd, env)
    try:
        process = await anyio.open_process(
            told.command, cwd=cwd, env=told.env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise GitFailed(f"git {arguments[0]} did not run: {error}") from None
    said, out, cut, code = bytearray(), bytearray(), False, 0
    async with process, anyio.create_task_group() as tasks:
        tasks.start_soon(_gather, process.stderr, said, _MAX_SAID_BYTES)
        cut = await _gather(process.stdout, out, limit)
        if cut:
            with suppress(ProcessLookupError):  # it had printed all of it, and ended
                process.kill()
        code = await process.wait()
    if not cut and code not in fine:
        _printed(arguments, code, b"", bytes(said))
    return bytes(out), cut


async def _gather(stream: AsyncIterable[bytes] | None, kept: bytearray, limit: int) -> bool:
    """Keep the first `limit` bytes; returns, at once, whether there are more."""
    if stream is not None:
        async for chunk in stream:
            room = limit - len(kept)
            kept += chunk[:room]
            if len(chunk) > room:
                return True
    return False


def _command(arguments: Sequence[str]) -> list[str]:
    return ["git", "-c", "core.quotePath=false", *arguments]


def _printed(arguments: Sequence[str], code: int, out: bytes, err: bytes) -> str:
    if code:
        said = scrubbed(err.decode(errors="replace").strip()) or f"exit code {code}"
        raise GitFailed(f"git {arguments[0]}: {said}", exit_code=code)
    return out.decode(errors="surrogateescape").removesuffix("\n")
