"""Which files of a git work tree a run has changed: a look at each end of it, each one `git status`.

A look notes what differs from the last commit, each file with its time and size. So a file that was changed before and
is changed again is seen, and what costs nothing is what nobody touched, however many files there are. Ignored files do
not count; a renamed file is one deleted and one added.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import anyio
from anyio import to_thread

from roost.host.git import EMPTY_TREE, GitFailed, git_bytes, in_repository, run_git
from roost.host.inside import printable
from roost.model.events import FileChange, FilesChanged

LOOK_SECONDS: Final = 2.0
"""A look that takes longer is given up, and nothing is told: a run's end does not wait for it."""
MAX_FILES: Final = 500
"""Files that are told; a record keeps as many."""
MAX_PATHS_BYTES: Final = 128 * 1024
"""All their paths together, so that they fit into an event."""
MAX_STATUS_BYTES: Final = 1024 * 1024
"""Of what git says, so much is read."""

Stamp = tuple[int, int, int]
"""Time of the last change (ns), size, mode: what tells two contents of a file apart without reading them."""


class Differing(NamedTuple):
    """A file that is not as in the last commit: whether it is in that, and its stamp; None: it is not there."""

    in_head: bool
    stamp: Stamp | None


class Look(NamedTuple):
    """A work tree at one moment. `whole`: `files` are all that differ."""

    head: str
    files: Mapping[str, Differing]
    whole: bool


class WorkTree:
    """The work tree that a host's folder lies in, if it does."""

    def __init__(self, *, max_status_bytes: int = MAX_STATUS_BYTES) -> None:
        self._max_bytes = max_status_bytes
        self._folder = Path()
        self._prefix = ""
        self._before: Look | None = None

    async def begin(self, folder: Path) -> None:
        """Take the first look. Outside of a repository that is all that is ever done."""
        self._folder = folder
        if not await to_thread.run_sync(in_repository, folder):
            return
        try:
            self._prefix = await run_git("rev-parse", "--show-prefix", cwd=folder)
        except GitFailed:
            return
        self._before = await self._look()

    async def changed(self) -> FilesChanged | None:
        """What is different from the look before; None: nothing, or it cannot be said."""
        if (before := self._before) is None:
            return None
        after = self._before = await self._look() or before
        if after is before or not before.whole:
            return None
        committed, cut = await self._committed(before.head, after.head)
        changes = await to_thread.run_sync(self._compare, before, after, committed)
        told, more = _fitting(changes)
        truncated = more or cut or not after.whole
        return FilesChanged(files=tuple(told), truncated=truncated) if told or truncated else None

    async def _look(self) -> Look | None:
        about = [
            "--porcelain=v2",
            "--branch",
            "-z",
            "--untracked-files=all",
            "--no-renames",
            "--ignore-submodules=dirty",
        ]
        with anyio.move_on_after(LOOK_SECONDS):
            try:
                what = ("status", *about, "--", ".")
                out, cut = await git_bytes(*what, cwd=self._folder, env={}, limit=self._max_bytes)
            except GitFailed:
                return None
            return await to_thread.run_sync(self._read, out, cut)
        return None

    def _read(self, out: bytes, cut: bool) -> Look:
        """From git's entries, each ended by NUL: `# branch.oid COMMIT`, `1 XY .. PATH`, `u XY .. PATH`, `? PATH`."""
        head, files = EMPTY_TREE, dict[str, Differing]()
        for entry in os.fsdecode(out).split("\0")[:-1]:  # behind the last NUL is nothing, or a torn one
            if entry.startswith("# branch.oid ") and not entry.endswith("(initial)"):
                head = entry.rpartition(" ")[2]
            kind, fields = entry[:1], {"1": 8, "u": 10, "?": 1}.get(entry[:1])
            if fields is not None:
                parts = entry.split(" ", fields)
                path = parts[-1].removeprefix(self._prefix)
                known = path in files and files[path].in_head
                files[path] = Differing(known or (kind != "?" and "A" not in parts[1]), self._stamp(path))
        return Look(head, files, not cut)

    def _stamp(self, path: str) -> Stamp | None:
        try:
            found = os.lstat(self._folder / path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_mode

    async def _committed(self, before: str, after: str) -> tuple[Mapping[str, str], bool]:
        """The files in which two commits differ, with git's letter for how; and whether there are more."""
        if before == after:
            return {}, False
        about = ["--name-status", "-z", "--no-renames", "--no-ext-diff", "--relative", before, after]
        with anyio.move_on_after(LOOK_SECONDS):
            try:
                out, cut = await git_bytes("diff", *about, cwd=self._folder, env={}, limit=self._max_bytes)
            except GitFailed:
                return {}, True
            fields = os.fsdecode(out).split("\0")[:-1]
            return dict(zip(fields[1::2], fields[::2], strict=False)), cut
        return {}, True

    def _compare(self, before: Look, after: Look, committed: Mapping[str, str]) -> list[FileChange]:
        found: list[FileChange] = []
        for path in sorted({*(before.files if after.whole else ()), *after.files, *committed}):
            was, now = before.files.get(path), after.files.get(path)
            stamp = self._stamp(path) if now is None else now.stamp
            if was is not None:
                existed = was.stamp is not None
            else:
                existed = committed[path] != "A" if path in committed else now is not None and now.in_head
            if existed and stamp is None:
                found.append(FileChange(path=printable(path), change="deleted"))
            elif not existed and stamp is not None:
                found.append(FileChange(path=printable(path), change="added"))
            elif existed and (was is None or was.stamp != stamp):
                found.append(FileChange(path=printable(path), change="modified"))
        return found


def _fitting(changes: list[FileChange]) -> tuple[list[FileChange], bool]:
    """As many as are told, and whether there are more."""
    left = MAX_PATHS_BYTES
    for number, change in enumerate(changes[:MAX_FILES]):
        left -= len(change.path.encode())
        if left < 0:
            return changes[:number], True
    return changes[:MAX_FILES], len(changes) > MAX_FILES
