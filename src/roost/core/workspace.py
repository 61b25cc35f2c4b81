"""What people and programs do in the workspace of a session, beside its agent. Carried out by its host, off the record.

Shell, writing and changes wake a session that sleeps; reading does not, unless it is asked to.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import msgspec
from msgspec import UNSET, Struct

from roost.core.reach import Reach, ask
from roost.core.session import Session
from roost.link import calls
from roost.link.packing import unpacked
from roost.model.errors import BodyTooLarge, InvalidRequest, SessionBusy, ShellTimeout
from roost.model.events import Principal
from roost.model.workspace import (
    MAX_ENTRIES,
    Diff,
    Discard,
    Discarded,
    DiskUse,
    FileEntry,
    FileList,
    Merge,
    Merged,
    Output,
    Shell,
    ShellResult,
)  # fmt: skip
from roost.settings import Settings

EMPTY: Final = calls.Nothing()
PRINTED: Final = ("stdout", "stderr")


class Reading(Struct, frozen=True):
    """A file that was found, and its content in pieces. Whoever does not want all of it closes `pieces`."""

    entry: FileEntry
    pieces: AsyncGenerator[bytes]


class Workspace:
    """The workspaces of all sessions. Every method may raise what `Reach.host` raises, and HostBusy."""

    def __init__(self, reach: Reach, settings: Settings) -> None:
        self._reach = reach
        self._max_file_bytes = settings.max_file_bytes

    async def shell(self, session: Session, by: Principal, asked: Shell) -> ShellResult:
        """Raises: ShellTimeout, FileMissing, NotAFolder, PathOutside (all of `cwd`), InvalidRequest, BodyTooLarge."""
        try:
            result = await self._reach.call(session, by, "shell", asked, ShellResult, wake=True)
        except ShellTimeout as error:
            printed = unpacked(msgspec.convert(error.details, Output), *PRINTED)
            raise ShellTimeout(error.message, **msgspec.to_builtins(printed)) from None
        return unpacked(result, *PRINTED)

    # --- files --------------------------------------------------------------------------------------------------------

    async def read(self, session: Session, by: Principal, path: str, *, wake: bool) -> Reading:
        """Raises: FileMissing, NotAFile, PathOutside."""
        at = calls.AtPath(path=path)
        opened = await self._reach.call(session, by, "open_file", at, calls.Opened, wake=wake)
        return Reading(opened.entry, self._pieces(session, by, opened))

    async def _pieces(self, session: Session, by: Principal, opened: calls.Opened) -> AsyncGenerator[bytes]:
        yield opened.data
        if opened.handle is UNSET:
            return
        left = opened.entry.size - len(opened.data)
        on = calls.OnHandle(handle=opened.handle)
        try:
            while left > 0:
                piece = await self._reach.call(session, by, "read_on", on, calls.Piece, wake=False)
                left -= len(piece.data)
                yield piece.data
        finally:
            self._reach.tell(session, "drop_file", on)

    async def write(self, session: Session, by: Principal, path: str, pieces: AsyncIterator[bytes]) -> FileEntry:
        """Put a file in its place, whole or not at all, with the folders above it.

        Raises: NotAFile, NotAFolder, PathOutside, StorageFull, BodyTooLarge.
        """
        async with self._reach.host(session, by, wake=True) as link:
            created = await ask(link, "create_file", calls.AtPath(path=path), calls.Created)
            on = calls.OnHandle(handle=created.handle)
            try:
                written = 0
                async for data in _rechunked(pieces):
                    written += len(data)
                    if written > self._max_file_bytes:
                        raise BodyTooLarge(limit_bytes=self._max_file_bytes)
                    await link.call("write_on", calls.WriteOn(handle=created.handle, data=data))
                return await ask(link, "keep_file", on, FileEntry)
            except BaseException:
                link.tell("drop_file", on)
                raise

    async def list(
        self, session: Session, by: Principal, path: str, *, recursive: bool, limit: int, wake: bool
    ) -> FileList:
        """Raises: FileMissing, NotAFolder, PathOutside."""
        if not 1 <= limit <= MAX_ENTRIES:
            raise InvalidRequest(f"limit: 1 to {MAX_ENTRIES}")
        asked = calls.ListFiles(path=path, recursive=recursive, limit=limit)
        return await self._reach.call(session, by, "list_files", asked, FileList, wake=wake)

    async def stat(self, session: Session, by: Principal, path: str, *, wake: bool) -> FileEntry:
        """Raises: FileMissing, PathOutside."""
        return await self._reach.call(session, by, "stat", calls.AtPath(path=path), FileEntry, wake=wake)

    async def remove(self, session: Session, by: Principal, path: str) -> FileEntry:
        """Raises: FileMissing, NotAFile (a folder that is not empty), PathOutside."""
        return await self._reach.call(session, by, "remove_file", calls.AtPath(path=path), FileEntry, wake=True)

    async def disk_use(self, session: Session, by: Principal, *, wake: bool) -> DiskUse:
        return await self._reach.call(session, by, "disk_use", EMPTY, DiskUse, wake=wake)

    # --- changes ------------------------------------------------------------------------------------------------------

    async def diff(self, session: Session, by: Principal, *, wake: bool) -> Diff:
        """Raises: WorkspaceInvalid: git cannot say."""
        told = await self._reach.call(session, by, "diff", EMPTY, calls.Changes, wake=wake)
        return Diff(files=session.record_now.made.changed) if told.diff is UNSET else unpacked(told.diff, "patch")

    async def merge(self, session: Session, by: Principal, asked: Merge) -> Merged:
        """Raises: MergeConflict, MergeRefused, WorkspaceDirty, SessionBusy."""
        _must_rest(session)
        return await self._reach.call(session, by, "merge", asked, Merged, wake=True)

    async def discard(self, session: Session, by: Principal, asked: Discard) -> Discarded:
        """Raises: MergeRefused, WorkspaceDirty, SessionBusy."""
        _must_rest(session)
        return await self._reach.call(session, by, "discard", asked, Discarded, wake=True)


def _must_rest(session: Session) -> None:
    """What a run is changing just now is not merged or taken away below it."""
    run = session.record_now.run
    if run is not UNSET:
        raise SessionBusy(run=run.run)


async def _rechunked(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes in pieces of the size in which files travel."""
    buffer = bytearray()
    async for data in pieces:
        buffer += data
        while len(buffer) >= calls.CHUNK_BYTES:
            yield bytes(buffer[: calls.CHUNK_BYTES])
            del buffer[: calls.CHUNK_BYTES]
    if buffer:
        yield bytes(buffer)
