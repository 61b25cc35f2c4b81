"""Running git: never asking, never reading an outer repository's environment."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import anyio

from roost.model.errors import WorkspaceInvalid

QUICK_SECONDS = 30


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


async def run_git(*arguments: str, cwd: Path) -> str:
    """The same without blocking and without a limit of time; a cancellation kills the command. Raises: GitFailed."""
    try:
        done = await anyio.run_process(_command(arguments), cwd=cwd, env=environment(), check=False)
    except OSError as error:
        raise GitFailed(f"git {arguments[0]} did not run: {error}") from None
    return _printed(arguments, done.returncode, done.stdout, done.stderr)


def _command(arguments: Sequence[str]) -> list[str]:
    return ["git", "-c", "core.quotePath=false", *arguments]


def _printed(arguments: Sequence[str], code: int, out: bytes, err: bytes) -> str:
    if code:
        said = err.decode(errors="replace").strip() or f"exit code {code}"
        raise GitFailed(f"git {arguments[0]}: {said}", exit_code=code)
    return out.decode(errors="surrogateescape").removesuffix("\n")
