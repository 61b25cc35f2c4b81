"""Writing and reading bundles: a session as a gzipped tar, piece by piece, with nothing of it on a path of its own."""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, TypeVar

import msgspec

from roost.model.bundle import (
    BLOBS,
    END,
    EVENTS,
    FORMAT,
    HEAD,
    MAX_PAGE_BYTES,
    MAX_UNPACKED,
    PATCH,
    VERSION,
    BundleEnd,
    BundleHead,
)  # fmt: skip
from roost.model.envelope import Event, decode_event
from roost.model.errors import BundleInvalid, RoostError
from roost.model.events import MAX_BODY_BYTES
from roost.model.snapshot import Fold
from roost.model.unreadable import UNREADABLE

BLOCK: Final = 512
BROKEN: Final = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError)
"""What the library raises of a file that is something else, or not whole."""
S = TypeVar("S", bound=msgspec.Struct)


class Packer:
    """Makes the bytes of a bundle. Each method gives what is ready so far; `end` the rest."""

    def __init__(self, at: int) -> None:
        self._gzip = zlib.compressobj(6, zlib.DEFLATED, 31)
        self._seconds = at // 1000

    def member(self, name: str, data: bytes) -> bytes:
        return self.begin(name, len(data)) + self.add(data) + self.pad(len(data))

    def begin(self, name: str, size: int) -> bytes:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, self._seconds, 0o600
        return self._gzip.compress(info.tobuf(tarfile.USTAR_FORMAT))

    def add(self, data: bytes) -> bytes:
        return self._gzip.compress(data)

    def pad(self, size: int) -> bytes:
        return self._gzip.compress(bytes(-size % BLOCK))

    def end(self) -> bytes:
        return self._gzip.compress(bytes(2 * BLOCK)) + self._gzip.flush()


class Bundle:
    """A bundle in a file. Blocks. Everything in it is somebody's word until `check` has gone through."""

    def __init__(self, path: Path, *, max_file_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_file_bytes * MAX_UNPACKED

    def check(self) -> tuple[BundleHead, Fold]:
        """Read all of it. Its head, and the fold of its log. Raises: BundleInvalid."""
        fold = Fold.empty()
        head: BundleHead | None = None
        blobs = 0
        ended: BundleEnd | None = None
        for name, file, size in self._members():
            if head is None:
                head = _head(name, file, size)
            elif ended is not None:
                raise BundleInvalid("there is more after its end")
            elif name.startswith(EVENTS):
                for event in _page(file, size):
                    apply(fold, event)
                fold.take_finished()
            elif name == END:
                ended = _decode(file, size, BundleEnd)
            elif name.startswith(BLOBS):
                blobs += 1
        if head is None or ended is None or (ended.events, ended.blobs) != (fold.seq, blobs):
            raise BundleInvalid("it is torn: something is missing")
        if fold.seq != head.head or fold.seq == 0 or fold.record.session != head.session:
            raise BundleInvalid("its head does not fit its log")
        return head, fold

    def pages(self) -> Iterator[list[Event]]:
        """The log, page by page."""
        for name, file, size in self._members():
            if name.startswith(EVENTS):
                yield _page(file, size)

    def blobs(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Names, and the content, to be read before the next."""
        for name, file, _size in self._members():
            if name.startswith(BLOBS):
                yield name.removeprefix(BLOBS), file

    def _members(self) -> Iterator[tuple[str, IO[bytes], int]]:
        """Name, content and size of each member. Raises: BundleInvalid."""
        unpacked = 0
        try:
            with tarfile.open(self._path, mode="r|gz") as tar:
                for info in tar:
                    unpacked += info.size
                    file = tar.extractfile(info) if info.isreg() else None
                    known = info.name in (HEAD, END, PATCH) or info.name.startswith((EVENTS, BLOBS))
                    if file is None or not known or unpacked > self._max_bytes:
                        raise BundleInvalid(f"{info.name[:80]!r} does not belong into it, or is too large")
                    yield info.name, file, info.size
        except BROKEN as error:
            raise BundleInvalid(f"this is no bundle: {error}") from None


def apply(fold: Fold, event: Event) -> None:
    """Raises: BundleInvalid: this event cannot follow."""
    if len(bytes(event.raw)) > MAX_BODY_BYTES or event.at < 0:
        raise BundleInvalid(f"event {event.seq} is larger than an event may be, or has no time")
    try:
        fold.apply(event)
    except (RoostError, ValueError) as error:
        raise BundleInvalid(f"event {event.seq}: {error}") from None


def _head(name: str, file: IO[bytes], size: int) -> BundleHead:
    if name != HEAD:
        raise BundleInvalid("this is no bundle: it has no head")
    head = _decode(file, size, BundleHead)
    if head.format != FORMAT or head.version != VERSION:
        raise BundleInvalid(
            f"it is {head.format!r} version {head.version}; this hub reads {FORMAT!r} version {VERSION}"
        )
    return head


def _page(file: IO[bytes], size: int) -> list[Event]:
    try:
        return [decode_event(line) for line in _read(file, size).splitlines()]
    except RoostError as error:
        raise BundleInvalid(error.message) from None


def _read(file: IO[bytes], size: int) -> bytes:
    if size > MAX_PAGE_BYTES:
        raise BundleInvalid(f"a part of it has {size} bytes, at most {MAX_PAGE_BYTES}")
    try:
        return file.read()
    except BROKEN as error:
        raise BundleInvalid(f"it is torn: {error}") from None


def _decode(file: IO[bytes], size: int, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(_read(file, size), type=kind)
    except UNREADABLE as error:
        raise BundleInvalid(f"this is no bundle: {error}") from None
