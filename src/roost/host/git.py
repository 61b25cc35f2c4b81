"""Running git: never asking, never reading an outer repository's environment."""

import os
import subprocess
from collections.abc import AsyncIterable, Collection, Mapping, Sequence
from pathlib import Path

import anyio

from roost.model.errors import WorkspaceInvalid

QUICK_SECONDS = 30
_MAX_SAID_BYTES = 64 * 1024


class GitFailed(WorkspaceInvalid):
    """A git command failed."""


def environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return inherited | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
        "LC_ALL": "C.UTF-8",
    }


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
    told = environment() | dict(env or {})
    try:
        done = await anyio.run_process(_command(arguments), cwd=cwd, env=told, check=False)
    except OSError as error:
        raise GitFailed(f"git {arguments[0]} did not run: {error}") from None
    return _printed(arguments, done.returncode, done.stdout, done.stderr)


async def git_bytes(
    *arguments: str, cwd: Path, env: Mapping[str, str], limit: int, fine: Collection[int] = (0,)
) -> tuple[bytes, bool]:
    """The first `limit` bytes that a command prints, and whether there were more. `fine`: exit codes that are no
    failure. Raises: GitFailed."""
    try:
        process = await anyio.open_process(
            _command(arguments),
            cwd=cwd,
            env=environment() | dict(env),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise GitFailed(f"git {arguments[0]} did not run: {error}") from None
    said, out, cut, code = bytearray(), bytearray(), False, 0
    async with process, anyio.create_task_group() as tasks:
        tasks.start_soon(_gather, process.stderr, said, _MAX_SAID_BYTES)
        cut = await _gather(process.stdout, out, limit)
        if cut:
            process.kill()
        code = await process.wait()
    if not cut and code not in fine:
        _printed(arguments, code, b"", bytes(said))
    return bytes(out), cut


async def _gather(stream: AsyncIterable[bytes] | None, kept: bytearray, limit: int) -> bool:
    """Keep the first `limit` bytes; returns, at once, whether there are more."""
    if stream is not None:
        async for chunk in stream:
            kept += chunk[: limit - len(kept)]
            if len(chunk) > limit - len(kept):
                return True
    return False


def _command(arguments: Sequence[str]) -> list[str]:
    return ["git", "-c", "core.quotePath=false", *arguments]


def _printed(arguments: Sequence[str], code: int, out: bytes, err: bytes) -> str:
    if code:
        said = err.decode(errors="replace").strip() or f"exit code {code}"
        raise GitFailed(f"git {arguments[0]}: {said}", exit_code=code)
    return out.decode(errors="surrogateescape").removesuffix("\n")
