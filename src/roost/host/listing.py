"""What lies in a workspace: names, and how much it all takes. Blocks; links are never followed."""

import os
import stat
from collections.abc import Iterator
from typing import Final

from roost.host.inside import Inside, Parts, entry_of, must_be
from roost.model.errors import RoostError
from roost.model.workspace import DiskUse, FileEntry, FileList

MAX_LIST_BYTES: Final = 1024 * 1024
"""Of the names in one list, which must fit into a frame."""
MAX_COUNTED: Final = 1_000_000
"""So many names are looked at to say what a workspace takes."""


def list_files(inside: Inside, path: str, *, recursive: bool, limit: int) -> FileList:
    """In the order of their names, folder by folder. Recursive: what is in `.git` folders is left out.

    Raises: FileMissing, NotAFolder, PathOutside.
    """
    top = inside.parts(path)
    must_be("folder", inside.stat(top))
    found: list[FileEntry] = []
    room = MAX_LIST_BYTES
    for parts, seen in _walk(inside, top, recursive=recursive):
        entry = entry_of("/".join(parts), seen)
        room -= len(entry.path.encode())
        if len(found) >= limit or room < 0:
            return FileList(files=found, truncated=True)
        found.append(entry)
    return FileList(files=found)


def disk_use(inside: Inside) -> DiskUse:
    size, counted = 0, {"file": 0, "folder": 0}
    for _, seen in _walk(inside, (), recursive=True, everything=True):
        if sum(counted.values()) == MAX_COUNTED:
            return DiskUse(bytes=size, files=counted["file"], folders=counted["folder"], truncated=True)
        folder = stat.S_ISDIR(seen.st_mode)
        counted["folder" if folder else "file"] += 1
        size += 0 if folder else seen.st_size
    return DiskUse(bytes=size, files=counted["file"], folders=counted["folder"])


def _walk(
    inside: Inside, top: Parts, *, recursive: bool, everything: bool = False
) -> Iterator[tuple[Parts, os.stat_result]]:
    """Names below `top`, folder by folder. What vanishes meanwhile is left out."""
    waiting = [top]
    while waiting:
        parts = waiting.pop()
        try:
            names = _names(inside, parts)
        except RoostError:
            if parts == top:
                raise
            continue
        below: list[Parts] = []
        for name, seen in names:
            yield (*parts, name), seen
            if recursive and stat.S_ISDIR(seen.st_mode) and (everything or name != ".git"):
                below.append((*parts, name))
        waiting += reversed(below)


def _names(inside: Inside, parts: Parts) -> list[tuple[str, os.stat_result]]:
    found: list[tuple[str, os.stat_result]] = []
    with inside.folder(parts) as folder:
        for name in sorted(os.listdir(folder)):  # noqa: PTH208  # of a descriptor
            try:
                found.append((name, os.stat(name, dir_fd=folder, follow_symlinks=False)))
            except FileNotFoundError:
                continue
    return found
