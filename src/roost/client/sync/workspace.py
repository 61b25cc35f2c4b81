"""Made from roost/client/workspace.py (make docs): do not edit.

The workspace of a session from Python: its shell, its files, its changes. What is asked for is done by the session's
host, is not recorded; only what reads is repeated when the hub was away.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import cast

from roost.client.sync.portal import Twin, pieces_in_caller
from roost.client.workspace import AsyncWorkspace
from roost.model.made import Artifact
from roost.model.workspace import (
    DEFAULT_ENTRIES,
    SHELL_TIMEOUT_MS,
    Diff,
    Discarded,
    DiskUse,
    FileEntry,
    FileList,
    Merged,
    ShellResult,
)


class Workspace(Twin):
    """What a session handle does in the workspace (AsyncSession). Paths are relative to the workspace; an absolute one
    must lie in it.

    Every method may raise LinkDown, SessionArchived, SessionClosed, HostBusy. What only reads raises SessionAsleep if
    the session sleeps and `wake` is not given; everything else wakes it.
    """

    @property
    def _async(self) -> AsyncWorkspace:
        return cast(AsyncWorkspace, self._twin)

    def shell(
        self, command: str, *, cwd: str = "", timeout: int = SHELL_TIMEOUT_MS, env: Mapping[str, str] | None = None
    ) -> ShellResult:
        """Run a command in the workspace and wait for its end; leaving kills it. `timeout` in milliseconds. A non-zero
        exit is a result.

        Raises: ShellTimeout, with what it printed in its `details`; FileMissing, NotAFolder, PathOutside: of `cwd`.
        """
        return self._portal.call(self._async.shell, command, cwd=cwd, timeout=timeout, env=env)

    def get_file(self, path: str, *, wake: bool = False) -> str:
        """A text. Raises: NotText: it is not UTF-8; FileMissing, NotAFile, PathOutside."""
        return self._portal.call(self._async.get_file, path, wake=wake)

    def get_file_buffer(self, path: str, *, wake: bool = False) -> bytes:
        """The bytes of a file. Raises: FileMissing, NotAFile, PathOutside."""
        return self._portal.call(self._async.get_file_buffer, path, wake=wake)

    @contextmanager
    def open_file(self, path: str, *, wake: bool = False) -> Generator[Generator[bytes]]:
        """A file of any size, piece by piece: `with session.open_file(..) as pieces: for piece in pieces`.

        Raises: FileMissing, NotAFile, PathOutside.
        """
        with self._portal.enter(self._async.open_file(path, wake=wake)) as given:
            yield self._portal.iterate(given)

    def put_file(self, path: str, data: bytes | str | Iterable[bytes]) -> FileEntry:
        """Put a file in its place, whole or not at all, with the folders above it.

        Raises: NotAFile, NotAFolder, PathOutside, BodyTooLarge, StorageFull.
        """
        return self._portal.call(self._async.put_file, path, pieces_in_caller(data))

    def list_files(
        self, path: str = "", *, recursive: bool = False, limit: int = DEFAULT_ENTRIES, wake: bool = False
    ) -> FileList:
        """Names in a folder, and with `recursive` those below, but for what is in `.git`; at most `limit` (10,000).

        Raises: FileMissing, NotAFolder, PathOutside.
        """
        return self._portal.call(self._async.list_files, path, recursive=recursive, limit=limit, wake=wake)

    def stat(self, path: str, *, wake: bool = False) -> FileEntry:
        """What has this path. Raises: FileMissing, PathOutside."""
        return self._portal.call(self._async.stat, path, wake=wake)

    def remove_file(self, path: str) -> FileEntry:
        """Remove a file, a link or an empty folder. Raises: FileMissing, NotAFile, PathOutside."""
        return self._portal.call(self._async.remove_file, path)

    def disk_use(self, *, wake: bool = False) -> DiskUse:
        """What the workspace takes."""
        return self._portal.call(self._async.disk_use, wake=wake)

    def diff(self, *, wake: bool = False) -> Diff:
        """What the session has changed."""
        return self._portal.call(self._async.diff, wake=wake)

    def merge(self, *, message: str | None = None, into: str | None = None) -> Merged:
        """Merge the worktree's branch into the one it came from, or into `into`. `message`: commit what is not
        committed yet.

        Raises: MergeConflict, MergeRefused, WorkspaceDirty, SessionBusy; nothing was changed.
        """
        return self._portal.call(self._async.merge, message=message, into=into)

    def discard(self, *, force: bool = False) -> Discarded:
        """Give up what the session has changed. Raises: WorkspaceDirty: work would be lost, and no `force`;
        MergeRefused, SessionBusy."""
        return self._portal.call(self._async.discard, force=force)

    def list_artifacts(self) -> tuple[Artifact, ...]:
        """What the session has published: all versions, oldest first. Never wakes it."""
        return self._portal.call(self._async.list_artifacts)

    def get_artifact(self, key: str, *, version: int | None = None) -> str:
        """A text: the newest version, or this one. Raises: ArtifactNotFound; NotText."""
        return self._portal.call(self._async.get_artifact, key, version=version)

    def get_artifact_buffer(self, key: str, *, version: int | None = None) -> bytes:
        """The bytes of an artifact. Raises: ArtifactNotFound."""
        return self._portal.call(self._async.get_artifact_buffer, key, version=version)
