"""Files of the workspace that are being read or written for somebody, a piece at a time."""

import os
import secrets
from contextlib import suppress
from time import monotonic
from typing import Final, TypeVar

from anyio import to_thread

from roost.host.inside import Inside, Parts, must_be, told
from roost.link.calls import CHUNK_BYTES, MAX_CALLS, Created, Opened, Piece
from roost.model.errors import FileMissing, HostBusy, InvalidRequest, NotAFile, RoostError
from roost.model.workspace import FileEntry

FORGOTTEN_SECONDS: Final = 60.0
"""A file that nobody has read or written for so long is closed; what was written is removed."""


class _Reading:
    """An open file, from its beginning to where it ended when it was opened."""

    def __init__(self, descriptor: int, entry: FileEntry) -> None:
        self.used = monotonic()
        self.entry = entry
        self.left = entry.size
        self._file = os.fdopen(descriptor, "rb", buffering=0)

    def read(self) -> bytes:
        """The next piece. Raises: InvalidRequest: the file has become shorter."""
        wanted = min(self.left, CHUNK_BYTES)
        data = b""
        while len(data) < wanted:
            more = self._file.read(wanted - len(data))
            if not more:
                raise InvalidRequest(f"{self.entry.path} became shorter while it was read", path=self.entry.path)
            data += more
        self.left -= wanted
        return data

    def close(self) -> None:
        self._file.close()


class _Writing:
    """A file written beside its place, in the same folder; `keep` puts it there whole."""

    def __init__(self, inside: Inside, parts: Parts) -> None:
        self.used = monotonic()
        self._inside, self._parts = inside, parts
        self._name = f".roost-{secrets.token_hex(6)}.part"
        self._mode: int | None = None
        with inside.folder(parts[:-1], make=True) as folder:
            self._folder = os.dup(folder)
        try:
            with suppress(FileMissing):
                must_be("file", inside.stat(parts))
                self._mode = os.stat(parts[-1], dir_fd=self._folder, follow_symlinks=False).st_mode & 0o7777
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.fdopen(os.open(self._name, flags, 0o666, dir_fd=self._folder), "wb", buffering=0)
        except OSError as error:
            os.close(self._folder)
            raise told(error, "/".join(parts)) from None
        except RoostError:
            os.close(self._folder)
            raise

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise told(error, "/".join(self._parts)) from None

    def keep(self) -> FileEntry:
        try:
            if self._mode is not None:
                os.fchmod(self._file.fileno(), self._mode & 0o777)
            os.fsync(self._file.fileno())
            self._file.close()
            os.rename(self._name, self._parts[-1], src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
        except OSError as error:
            raise told(error, "/".join(self._parts)) from None
        return self._inside.stat(self._parts)

    def close(self) -> None:
        self._file.close()
        with suppress(OSError):
            os.unlink(self._name, dir_fd=self._folder)
        os.close(self._folder)


F = TypeVar("F", _Reading, _Writing)


class OpenFiles:
    """All files in use, by handle. Whoever forgets one loses it."""

    def __init__(self) -> None:
        self._files: dict[str, _Reading | _Writing] = {}

    async def open(self, inside: Inside, path: str) -> Opened:
        """Raises: FileMissing, NotAFile, PathOutside, HostBusy."""

        def begin() -> tuple[_Reading, bytes]:
            reading = _Reading(*inside.open(inside.parts(path)))
            return reading, reading.read()

        self._room()
        reading, data = await to_thread.run_sync(begin)
        if not reading.left:
            reading.close()
            return Opened(entry=reading.entry, data=data)
        return Opened(entry=reading.entry, data=data, handle=self._add(reading))

    async def read_on(self, handle: str) -> Piece:
        """The next piece; empty at the end."""
        reading = self._of(handle, _Reading)
        return Piece(data=await to_thread.run_sync(reading.read) if reading.left else b"")

    async def create(self, inside: Inside, path: str) -> Created:
        """Raises: NotAFile, NotAFolder, PathOutside, StorageFull, HostBusy."""

        def begin() -> _Writing:
            parts = inside.parts(path)
            if not parts or path.endswith("/"):
                raise NotAFile(path=path)
            return _Writing(inside, parts)

        self._room()
        return Created(handle=self._add(await to_thread.run_sync(begin)))

    async def write_on(self, handle: str, data: bytes) -> None:
        """Raises: StorageFull."""
        await to_thread.run_sync(self._of(handle, _Writing).write, data)

    async def keep(self, handle: str) -> FileEntry:
        """What was written takes its place, and is on the disk."""
        writing = self._of(handle, _Writing)
        try:
            return await to_thread.run_sync(writing.keep)
        finally:
            self.drop(handle)

    def drop(self, handle: str) -> None:
        """Close it; what was written and not kept is removed."""
        if found := self._files.pop(handle, None):
            found.close()

    def drop_all(self, *, unused_seconds: float = 0.0) -> None:
        before = monotonic() - unused_seconds
        for handle in [handle for handle, file in self._files.items() if file.used <= before]:
            self.drop(handle)

    def _room(self) -> None:
        if len(self._files) >= MAX_CALLS:
            raise HostBusy(limit=MAX_CALLS)

    def _add(self, file: _Reading | _Writing) -> str:
        handle = secrets.token_hex(8)
        self._files[handle] = file
        return handle

    def _of(self, handle: str, kind: type[F]) -> F:
        found = self._files.get(handle)
        if not isinstance(found, kind):
            raise InvalidRequest(f"no file has the handle {handle}")
        found.used = monotonic()
        return found
