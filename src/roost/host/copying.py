"""Sessions that begin with a copy of a template's folder (host/preparing.py). Nothing is shared: what one of them does
to its files, no other one sees."""

import os
import time
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from msgspec import UNSET

from roost.host.clone import Tell, find_commit
from roost.host.git import GitFailed, run_git
from roost.model.errors import WorkspaceInvalid
from roost.model.events import WorkspaceSpec, WorkspaceUpdated

BRANCH: Final = "roost/template"
"""Of the clone in a template's folder."""
TICK_SECONDS: Final = 0.001
OWN: Final = ".roost"
"""The folder of a workspace in which what Roost itself needs lies: nobody's work."""


async def copy_prepared(spec: WorkspaceSpec, root: Path, tell: Tell) -> bool:
    """Make `root` a copy of the folder at `spec.prepared`, a clone on a branch of its own; a file system that can do so
    shares the blocks until they change. False: the folder is gone, and nothing was made.

    Raises: WorkspaceInvalid: the copy failed; what is half made is left to the caller.
    """
    if spec.prepared is UNSET or not await anyio.Path(spec.prepared).is_dir():
        return False
    done = await anyio.run_process(["cp", "-a", "--", spec.prepared, str(root)], check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise WorkspaceInvalid(f"the folder of the template could not be copied: {said}")
    if spec.kind == "clone" and spec.branch is not UNSET:
        await run_git("switch", "--no-track", "-c", spec.branch, cwd=root)
        for repository in (root, *await to_thread.run_sync(repositories_in, root)):
            if await find_commit(repository, BRANCH):
                if repository != root:
                    await run_git("switch", "--no-track", "-c", spec.branch, cwd=repository)
                await run_git("branch", "-D", BRANCH, cwd=repository)
        tell(WorkspaceUpdated(status="ready", commit=await find_commit(root, "HEAD") or UNSET))
    await to_thread.run_sync(begin, root)
    return True


async def exclude_untracked(root: Path) -> None:
    """What lies about in a repository now is no work of anybody: git does not speak of it any more."""
    try:
        listed = await run_git("status", "--porcelain", "-z", "--untracked-files=normal", cwd=root)
    except GitFailed:
        return  # it is no repository
    names = [entry.removeprefix("?? ") for entry in listed.split("\0") if entry.startswith("?? ")]
    if names:
        file = root / ".git" / "info" / "exclude"
        file.parent.mkdir(exist_ok=True)
        with file.open("a", encoding="utf-8", errors="surrogateescape") as out:
            out.writelines(f"/{_literal(name)}\n" for name in names if "\n" not in name)


async def excluded_changed(root: Path) -> bool:
    """Whether somebody has changed what `exclude_untracked` took out of git's sight, or has put something there.

    Raises: GitFailed.
    """
    listed = await run_git("ls-files", "--others", "--ignored", "-z", "--exclude-from=.git/info/exclude", cwd=root)
    begun = await to_thread.run_sync(_begun_ns, root)

    def changed() -> bool:
        return any(_changed_ns(root / name) >= begun for name in listed.split("\0") if name)

    return await to_thread.run_sync(changed)


def repositories_in(root: Path) -> list[Path]:
    """Those that were cloned into this one (host/preparing.py)."""
    return sorted(path for path in root.iterdir() if (path / ".git").is_dir() and not path.is_symlink())


def _literal(name: str) -> str:
    """As a pattern of gitignore that means this name alone."""
    escaped = "".join(f"\\{char}" if char in r"\*?[" else char for char in name)
    return escaped[:-1] + r"\ " if escaped.endswith(" ") else escaped


def untouched(root: Path) -> bool:
    """Whether nothing has changed since its session began: by the times that no program can set."""
    begun = _begun_ns(root)
    if not begun:
        return False
    for folder, folders, files in os.walk(root):
        if Path(folder) == root and OWN in folders:
            folders.remove(OWN)
        if any(_changed_ns(Path(folder, name)) >= begun for name in ("", *files)):
            return False
    return True


def begin(root: Path) -> None:
    """From now on, whatever changes in this folder is somebody's work. The clock of files stands still for some
    milliseconds: the mark is later than all that is there, and no later than anything that follows. Blocks."""
    mark = _begun(root)
    mark.touch()
    made = mark.stat().st_mtime_ns
    while mark.stat().st_mtime_ns == made:
        time.sleep(TICK_SECONDS)
        mark.touch()


def _begun_ns(root: Path) -> int:
    """When; 0: nobody knows."""
    try:
        return _begun(root).stat().st_mtime_ns
    except OSError:
        return 0


def _changed_ns(path: Path) -> int:
    return path.lstat().st_ctime_ns


def forget_begun(root: Path) -> None:
    _begun(root).unlink(missing_ok=True)


def _begun(root: Path) -> Path:
    return root.with_name(root.name + ".begun")
