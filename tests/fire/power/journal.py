"""What power.c has noted: every change to a folder, in the order of their effects."""

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final, NamedTuple


class Kind(IntEnum):
    """As in power.c."""

    MAKE = 1
    FOLDER = 2
    WRITE = 3
    SIZE = 4
    RENAME = 5
    LINK = 6
    REMOVE = 7
    SYNC = 8
    SYNC_FOLDER = 9
    SYNC_ALL = 10
    SYMLINK = 11
    UNKNOWN = 12


class Record(NamedTuple):
    """One change. `name`, `other`: paths below the folder; of a link `other` is what it leads to. `end`: the position
    in the journal after it."""

    kind: Kind
    mode: int
    inode: int
    offset: int
    length: int
    name: str
    other: str
    data: bytes
    end: int


_HEAD: Final = Struct("=IIQQQII")


def records(journal: Path, *, start: int = 0, end: int | None = None) -> Iterator[Record]:
    """The changes from this position on, those that are complete (before this other one)."""
    end = journal.stat().st_size if end is None else end
    with journal.open("rb") as file:
        file.seek(start)
        while (record := _next(file)) is not None and record.end <= end:
            yield record


def _next(file: BinaryIO) -> Record | None:
    """None: no complete record follows."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, mode, inode, offset, length, name, other = _HEAD.unpack(head)
    size = length if kind == Kind.WRITE else 0
    rest = file.read(name + other + size)
    if len(rest) < name + other + size:
        return None
    names = rest[:name].decode(), rest[name : name + other].decode()
    return Record(Kind(kind), mode, inode, offset, length, *names, rest[name + other :], file.tell())
