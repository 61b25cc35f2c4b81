"""Paths below one folder, and no others. Blocks.

A path is resolved first, then opened from the folder downwards, one name at a time, without following a link: whatever
is exchanged in between leads to an error and never outside.
"""

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from roost.model.errors import FileMissing, InvalidRequest, NotAFile, NotAFolder, PathOutside, RoostError, StorageFull
from roost.model.workspace import MAX_PATH_BYTES, FileEntry, Kind

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
Parts = tuple[str, ...]


class Inside:
    """The paths of `root`, which exists."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self._given = root

    def parts(self, path: str, *, follow: bool = True) -> Parts:
        """The names from the root down to where this path leads. `follow`: also if it is a link itself.

        Raises: PathOutside; InvalidRequest: no system has such a path.
        """
        if "\0" in path or _size(path) > MAX_PATH_BYTES:
            raise InvalidRequest(f"path: text of at most {MAX_PATH_BYTES} bytes, none of them 0")
        asked = Path(path)
        if ".." in asked.parts:
            raise PathOutside(path=path)
        if asked.is_absolute():
            asked = self._below(asked)
        whole = self.root / asked
        with _told(path):  # it may vanish while it is resolved
            if follow or not asked.parts:
                real = Path(os.path.realpath(whole))
            else:
                real = Path(os.path.realpath(whole.parent)) / whole.name
        if not real.is_relative_to(self.root):
            raise PathOutside(path=path)
        return real.relative_to(self.root).parts

    @contextmanager
    def folder(self, parts: Parts, *, make: bool = False) -> Generator[int]:
        """This folder as a descriptor. `make`: with its parents, if it is not there.

        Raises: FileMissing, NotAFolder, PathOutside.
        """
        path = "/".join(parts)
        with _told(path):
            descriptor = os.open(self.root, _FOLDER)
        try:
            for name in parts:
                with _told(path):
                    below = _open_folder(name, descriptor, make=make)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    def open(self, parts: Parts) -> tuple[int, FileEntry]:
        """A plain file, to be read. Raises: FileMissing, NotAFile, PathOutside."""
        path = "/".join(parts)
        if not parts:
            raise NotAFile(path=path)
        with self.folder(parts[:-1]) as folder, _told(path):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            seen = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
            must_be("file", entry_of(path, seen))  # or it is not even opened: to open a device may do something
            descriptor = os.open(parts[-1], flags, dir_fd=folder)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise NotAFile(path=path)
        return descriptor, entry_of(path, found)

    def stat(self, parts: Parts) -> FileEntry:
        """Raises: FileMissing, PathOutside."""
        path = "/".join(parts)
        if not parts:
            return entry_of("", self.root.stat())
        with self.folder(parts[:-1]) as folder, _told(path):
            return entry_of(path, os.stat(parts[-1], dir_fd=folder, follow_symlinks=False))

    def remove(self, parts: Parts) -> FileEntry:
        """Remove a file, a link, or an empty folder. Raises: FileMissing, NotAFile (a folder with something in it, or
        the workspace itself), PathOutside."""
        entry = self.stat(parts)
        if not parts:
            raise NotAFile("the workspace itself cannot be removed", path="")
        with self.folder(parts[:-1]) as folder, _told(entry.path):
            if entry.kind == "folder":
                os.rmdir(parts[-1], dir_fd=folder)
            else:
                os.unlink(parts[-1], dir_fd=folder)
        return entry

    def _below(self, path: Path) -> Path:
        """An absolute path of the workspace as a relative one. Raises: PathOutside."""
        for root in (self.root, self._given):
            if path.is_relative_to(root):
                return path.relative_to(root)
        raise PathOutside(path=str(path))


def entry_of(path: str, found: os.stat_result) -> FileEntry:
    return FileEntry(
        path=printable(path),
        kind=kind_of(found.st_mode),
        size=found.st_size,
        modified_at=found.st_mtime_ns // 1_000_000,
        executable=stat.S_ISREG(found.st_mode) and bool(found.st_mode & 0o111),
    )


def must_be(kind: Kind, entry: FileEntry) -> None:
    """Raises: NotAFile, NotAFolder; PathOutside: a link where a path has been resolved leads in a circle."""
    if entry.kind == "link":
        raise PathOutside(path=entry.path)
    if entry.kind != kind:
        raise NotAFile(path=entry.path) if kind == "file" else NotAFolder(path=entry.path)


def kind_of(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def _size(path: str) -> int:
    """In bytes; of what is no text, more than any path has."""
    try:
        return len(os.fsencode(path))
    except UnicodeEncodeError:
        return MAX_PATH_BYTES + 1


def printable(path: str) -> str:
    """The path as text: bytes that are no UTF-8 become `\\xNN`."""
    return os.fsencode(path).decode(errors="backslashreplace")


_MEANING: Final[dict[int, type[RoostError]]] = {
    errno.ENOENT: FileMissing,
    errno.ENOTDIR: NotAFolder,
    errno.EISDIR: NotAFile,
    errno.ENOTEMPTY: NotAFile,
    errno.EEXIST: NotAFile,
    errno.ENXIO: NotAFile,
    errno.ELOOP: PathOutside,
    errno.ENOSPC: StorageFull,
    errno.EDQUOT: StorageFull,
}


@contextmanager
def _told(path: str) -> Generator[None]:
    """What the system says, in our words."""
    try:
        yield
    except OSError as error:
        raise told(error, path) from None


def told(error: OSError, path: str) -> RoostError:
    """Our word for what the system said about this path."""
    shown = printable(path)
    meaning = _MEANING.get(error.errno or 0)
    return meaning(path=shown) if meaning else InvalidRequest(f"{shown}: {error.strerror}", path=shown)


def _open_folder(name: str, above: int, *, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=above)
    except FileNotFoundError:
        if not make:
            raise
    except NotADirectoryError:  # also what a link gives: say which
        if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "a link") from None
        raise
    try:
        os.mkdir(name, dir_fd=above)
        os.fsync(above)
    except FileExistsError:
        pass  # somebody else has made it just now
    return os.open(name, _FOLDER, dir_fd=above)
