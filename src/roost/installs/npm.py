"""npm, run by the Node of Roost's own folder, on a lock."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from threading import Timer
from typing import Final

from roost.installs.failing import FETCH_SECONDS, failed_by, told
from roost.installs.locked import Say
from roost.model.errors import AgentInstallFailed
from roost.processes import descendants, kill_until_gone, living

OPTIONS: Final = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=http")
"""No script of a package is run at its installation: what it does then is nobody's to see."""
FETCHED: Final = ".tgz"
"""Ends, in what npm logs of its requests, the address of a package."""
MAX_LINES: Final = 500
"""The last of what it says are kept."""


def npm_ci(node: Path, folder: Path, *, cache: Path, lock: int, say: Say) -> None:
    """Fill `node_modules` of this folder by its lock. `node`: the folder of Node; `lock`: stays taken while npm works.
    Raises: AgentInstallFailed."""
    program = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node / "bin" / "node"), str(program), *OPTIONS, "--cache", str(cache)]
    with _running(command, folder, lock) as process:
        late = Timer(FETCH_SECONDS, _kill, (process,))
        late.daemon = True
        late.start()
        try:
            lines = _follow(process, say)
            slow = not late.is_alive()
        finally:
            late.cancel()
    if slow:
        raise AgentInstallFailed(f"npm was not done within {FETCH_SECONDS:.0f} s", why="slow")
    if process.returncode:
        said = "\n".join(lines)
        raise AgentInstallFailed(f"npm could not install it: {told(said)}", why=failed_by(said))


def _follow(process: subprocess.Popen[str], say: Say) -> list[str]:
    """What it says, to its end."""
    assert process.stderr is not None
    lines = list[str]()
    fetched = 0
    for line in process.stderr:
        if line.startswith("npm http") and FETCHED in line:
            fetched += 1
            say(f"{fetched} packages fetched")  # of at most as many as the lock has: other systems' are left out
        lines.append(line)
        del lines[:-MAX_LINES]
    process.wait()
    return lines


@contextmanager
def _running(command: list[str], folder: Path, lock: int) -> Generator[subprocess.Popen[str]]:
    """Gone at the end, with whatever it has started."""
    process = subprocess.Popen(
        command, cwd=folder, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, text=True, errors="replace",
        start_new_session=True, pass_fds=(lock,),
    )  # fmt: skip
    try:
        with process:
            try:
                yield process
            finally:
                _kill(process)
    finally:
        process.wait()


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        below = descendants(process.pid)
        process.kill()
        kill_until_gone(lambda: living(below))
