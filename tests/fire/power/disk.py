"""A folder as it may be after a power cut: what was made to last is there; the rest is lost, kept or torn by chance.

The rules, those of POSIX at their worst: `fsync` of a file makes its content last, not its name; `fsync` of a folder
makes its names last, not what is in the files, nor its own name. A rename is whole or did not happen, and lasts once
the folder it leads to was synced.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath
from random import Random
from typing import Final

from tests.fire.power.journal import Kind, Record

SECTOR: Final = 512
"""Bytes that a disk writes whole."""
VOLATILE: Final = ("-shm",)
"""Endings of files that nobody expects to find again: SQLite makes this one from its WAL."""


@dataclass
class Write:
    """Not yet made to last. `data` None: the file is cut or grown to `offset` bytes."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
        else:
            content.extend(bytes(max(0, self.offset - len(content))))
            content[self.offset : self.offset + len(self.data)] = self.data


@dataclass
class File:
    mode: int = 0o600
    lasting: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list)

    def sync(self) -> None:
        for write in self.pending:
            write.apply(self.lasting)
        self.pending.clear()


@dataclass
class Link:
    target: str


Names = dict[str, "Node"]


@dataclass
class Change:
    """To the names of `folder`, and by a rename of another one, too. None: there is no such name any more."""

    folder: "Folder"
    name: str
    node: "Node | None"
    source: "tuple[Folder, str] | None" = None

    def apply(self, names: Callable[["Folder"], Names]) -> None:
        if self.source is not None:
            names(self.source[0]).pop(self.source[1], None)
        if self.node is None:
            names(self.folder).pop(self.name, None)
        else:
            names(self.folder)[self.name] = self.node


@dataclass(eq=False)
class Folder:
    mode: int = 0o700
    lasting: Names = field(default_factory=dict)
    now: Names = field(default_factory=dict)


Node = File | Folder | Link


class Chance:
    """What becomes of what was not made to last: whether a change of names is kept, and which parts of a write are."""

    def keeps(self, change: Change | Write) -> bool:
        raise NotImplementedError

    def parts(self, write: Write) -> list[Write]:
        return [write] if self.keeps(write) else []


class All(Chance):
    """No power cut: the folder as it is."""

    def keeps(self, change: Change | Write) -> bool:
        return True


class Nothing(Chance):
    def keeps(self, change: Change | Write) -> bool:
        return False


class Unremoved(Chance):
    """What was removed is there again."""

    def keeps(self, change: Change | Write) -> bool:
        return isinstance(change, Write) or change.node is not None


class Some(Chance):
    """Anything in between; of a write, each sector by itself."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._share = random.choice((0.1, 0.5, 0.9))
        self._torn = random.choice((0.0, 0.3))

    def keeps(self, change: Change | Write) -> bool:
        return self._random.random() < self._share

    def parts(self, write: Write) -> list[Write]:
        if write.data is None or self._random.random() >= self._torn:
            return super().parts(write)
        cuts = [0, *range(SECTOR - write.offset % SECTOR, len(write.data), SECTOR), len(write.data)]
        pieces = [Write(write.offset + at, write.data[at:to]) for at, to in pairwise(cuts)]
        return [piece for piece in pieces if self.keeps(piece)]


class Disk:
    """Follows the journal. Begins with what lies in a folder, all of which lasts."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[int, File] = {}
        self._changes: list[Change] = []
        self.root = self._read(folder)

    def _read(self, folder: Path) -> Folder:
        names: Names = {}
        for path in folder.iterdir():
            if path.is_symlink():
                names[path.name] = Link(str(path.readlink()))
            elif path.is_dir():
                names[path.name] = self._read(path)
            elif path.is_file():
                found = path.stat()
                known = self._files.get(found.st_ino) or File(found.st_mode & 0o777, bytearray(path.read_bytes()))
                names[path.name] = self._files[found.st_ino] = known
        return Folder(folder.stat().st_mode & 0o777, names, dict(names))

    # --- changes ------------------------------------------------------------------------------------------------------

    def apply(self, record: Record) -> None:
        """Raises: AssertionError: nobody told the journal of something that this builds on."""
        match record.kind:
            case Kind.MAKE:
                node = self._files[record.inode] = File(record.mode & 0o777)
                self._named(record.name, node)
            case Kind.FOLDER:
                self._named(record.name, Folder(record.mode & 0o777))
            case Kind.SYMLINK:
                self._named(record.name, Link(record.other))
            case Kind.LINK:
                self._named(record.name, self._file(record))
            case Kind.WRITE | Kind.SIZE:
                is_write = record.kind == Kind.WRITE
                self._file(record).pending.append(
                    Write(record.offset if is_write else record.length, record.data if is_write else None)
                )
            case Kind.REMOVE:
                self._named(record.name, None)
            case Kind.RENAME:
                self._renamed(record)
            case _:
                self._synced(record)

    def _synced(self, record: Record) -> None:
        match record.kind:
            case Kind.SYNC:
                self._file(record).sync()
            case Kind.SYNC_FOLDER:
                synced = self._folder(record.name)
                self._last([change for change in self._changes if change.folder is synced])
            case Kind.SYNC_ALL:
                for file in self._files.values():
                    file.sync()
                self._last(self._changes)
            case _:
                raise AssertionError(f"the journal cannot tell {record.name} of {record.other or record.inode}")

    def _file(self, record: Record) -> File:
        assert record.inode in self._files, f"the journal does not know of the file {record}"
        return self._files[record.inode]

    def _folder(self, name: str) -> Folder:
        folder = self.root
        for part in PurePosixPath(name).parts:
            node = folder.now.get(part)
            assert isinstance(node, Folder), f"the journal does not know of the folder {name}"
            folder = node
        return folder

    def _place(self, name: str) -> tuple[Folder, str]:
        parent, _, last = name.rpartition("/")
        return self._folder(parent), last

    def _named(self, name: str, node: Node | None) -> None:
        self._change(Change(*self._place(name), node))

    def _renamed(self, record: Record) -> None:
        source, old = self._place(record.name)
        assert old in source.now, f"the journal does not know of {record.name}"
        self._change(Change(*self._place(record.other), source.now[old], (source, old)))

    def _change(self, change: Change) -> None:
        change.apply(lambda folder: folder.now)
        self._changes.append(change)

    def _last(self, changes: list[Change]) -> None:
        """They last; so what befell a name before it was moved away does not matter any more."""
        moved = {id(change): change.source for change in changes}
        left: list[Change] = []
        for change in self._changes:
            if id(change) not in moved:
                left.append(change)
                continue
            change.apply(lambda folder: folder.lasting)
            left = [before for before in left if (before.folder, before.name) != moved[id(change)]]
        self._changes = left

    # --- the cut ------------------------------------------------------------------------------------------------------

    def write(self, target: Path, chance: Chance) -> None:
        """The folder as it is found after a cut now, in a new place."""
        names: dict[int, Names] = {}

        def names_of(folder: Folder) -> Names:
            return names.setdefault(id(folder), dict(folder.lasting))

        for change in self._changes:
            if chance.keeps(change):
                change.apply(names_of)
        self._write_folder(self.root, target, names_of, chance)

    def _write_folder(self, folder: Folder, target: Path, names: Callable[[Folder], Names], chance: Chance) -> None:
        target.mkdir(mode=folder.mode | 0o700)
        for name, node in names(folder).items():
            path = target / name
            match node:
                case Folder():
                    self._write_folder(node, path, names, chance)
                case Link():
                    path.symlink_to(node.target)
                case File() if not name.endswith(VOLATILE):
                    path.touch(mode=node.mode)
                    path.write_bytes(self._content(node, chance))
                case _:
                    pass

    def _content(self, file: File, chance: Chance) -> bytearray:
        if not file.pending:
            return file.lasting
        content = bytearray(file.lasting)
        for write in file.pending:
            for part in chance.parts(write):
                part.apply(content)
        return content


def differing(told: dict[str, bytes], found: dict[str, bytes]) -> list[str]:
    """Names of files that are not the same in both trees."""
    return sorted(name for name in told.keys() | found.keys() if told.get(name) != found.get(name))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below it that matters after a cut, with its content; a link with where it leads."""
    found: dict[str, bytes] = {}
    for parent, _, names in os.walk(folder):
        for path in (Path(parent) / name for name in names):
            if path.is_symlink():
                found[str(path.relative_to(folder))] = str(path.readlink()).encode()
            elif path.is_file() and not path.name.endswith(VOLATILE):
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found
