"""Content kept outside the logs: files named by their hash, in DATA/blobs (PROTOCOL.md, "Data folder").

`<aa>/<hash>` is the content, once, whoever needs it. `held/<holder>/<hash>` says who does: a session, or for a day
whoever has uploaded it, or an input on its way into a session (`<session>.<nonce>`, which counts as the session). A
blob that nobody holds any more is removed with its last holder. A hub that is killed in between leaves a mark without
content, never content that nobody knows of. Both last when they are told of.
"""

import base64
import binascii
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import anyio
from anyio import to_thread
from msgspec.structs import replace

from roost.durable import make_folder, put, sync_folder
from roost.model.access import org_of
from roost.model.errors import BlobNotFound, BodyTooLarge, InvalidBody, StorageFull
from roost.model.events import Blob, FileInput, InputPart, Principal
from roost.model.ids import SessionId

MAX_BLOB_BYTES: Final = 64 * 1024 * 1024
MAX_INLINE_BYTES: Final = 64 * 1024
"""A longer `data:` URL becomes a blob."""
UPLOAD_SECONDS: Final = 24 * 3600
PIECE_BYTES: Final = 512 * 1024
PREFIX: Final = "blob:"
_HASH: Final = re.compile(r"sha256-[0-9a-f]{64}")
_DATA: Final = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)


class Upload:
    """Content on its way in. `keep` or `drop` it. Blocks."""

    def __init__(self, place: Path) -> None:
        self.size = 0
        self._path = place / f"{secrets.token_hex(8)}.new"
        self._hash = hashlib.sha256()
        self._file: BinaryIO = self._path.open("xb")

    def write(self, data: bytes) -> None:
        """Raises: BodyTooLarge, StorageFull."""
        self.size += len(data)
        if self.size > MAX_BLOB_BYTES:
            raise BodyTooLarge(limit_bytes=MAX_BLOB_BYTES)
        self._hash.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise StorageFull(f"the blob cannot be kept: {error.strerror}") from None

    def close(self) -> tuple[str, Path]:
        """On the disk: its name by its content, and the file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return f"sha256-{self._hash.hexdigest()}", self._path

    def drop(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class Blobs:
    """All blobs of a hub."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changing = anyio.Lock()

    # --- in -----------------------------------------------------------------------------------------------------------

    async def put(self, pieces: AsyncIterator[bytes], holder: str, mime: str) -> Blob:
        """Keep this content for somebody; on the disk when this returns. Raises: BodyTooLarge, StorageFull."""
        upload = await self.begin()
        try:
            async for data in pieces:
                await to_thread.run_sync(upload.write, data)
            return await self.keep(upload, holder, mime)
        finally:
            await to_thread.run_sync(upload.drop)

    async def begin(self) -> Upload:
        def begin() -> Upload:
            place = self._folder / "new"
            make_folder(place, 0o700)
            return Upload(place)

        return await to_thread.run_sync(begin)

    async def keep(self, upload: Upload, holder: str, mime: str) -> Blob:
        """Raises: StorageFull."""

        def keep() -> str:
            try:
                name, written = upload.close()
                place = self._path(name)
                make_folder(place.parent, 0o700)
                self._mark(holder, name)
                put(written, place)
            except OSError as error:
                raise StorageFull(f"the blob cannot be kept: {error.strerror}") from None
            return name

        async with self._changing:
            return Blob(hash=await to_thread.run_sync(keep), size=upload.size, mime=mime)

    async def hold(self, name: str, holder: str) -> None:
        """Keep a blob that is there for somebody else, too. Raises: BlobNotFound."""
        async with self._changing:
            if not self._path(name).exists():
                raise BlobNotFound
            await to_thread.run_sync(self._mark, holder, name)

    # --- out ----------------------------------------------------------------------------------------------------------

    def holders(self, name: str) -> set[str]:
        """Sessions, and uploaders as `uploader_of` names them. Raises: BlobNotFound: that is no name of a blob."""
        self._path(name)
        return {place.parent.name.partition(".")[0] for place in self._folder.glob(f"held/*/{name}")}

    def held_by(self, holder: str) -> list[str]:
        """The names of what it holds, and of what inputs on their way into it do."""
        names = {mark.name for own in ("", ".*") for mark in self._folder.glob(f"held/{holder}{own}/*")}
        return sorted(name for name in names if self._path(name).exists())

    def inputs(self) -> list[str]:
        """Inputs that are on their way in, as holders."""
        return [place.name for place in self._folder.glob("held/*.*")]

    def size(self, name: str) -> int:
        """Raises: BlobNotFound."""
        try:
            return self._path(name).stat().st_size
        except OSError:
            raise BlobNotFound from None

    async def read(self, name: str, offset: int = 0) -> bytes:
        """A piece. Raises: BlobNotFound."""

        def read() -> bytes:
            with self._path(name).open("rb") as file:
                file.seek(offset)
                return file.read(PIECE_BYTES)

        try:
            return await to_thread.run_sync(read)
        except OSError:
            raise BlobNotFound from None

    async def pieces(self, name: str) -> AsyncIterator[bytes]:
        offset = 0
        while data := await self.read(name, offset):
            offset += len(data)
            yield data

    # --- away ---------------------------------------------------------------------------------------------------------

    async def release(self, holder: str) -> None:
        """This holder needs nothing any more, nor does an input on its way into it; what nobody needs goes."""

        def release() -> None:
            for place in [self._folder / "held" / holder, *self._folder.glob(f"held/{holder}.*")]:
                self._release(place)

        async with self._changing:
            await to_thread.run_sync(release)

    async def let_go(self, name: str, holder: str) -> None:
        """This holder does not need this one any more, if it did; what nobody needs goes."""
        async with self._changing:
            await to_thread.run_sync(self._let_go, self._folder / "held" / holder / name)

    async def tidy(self) -> None:
        """Forget what was uploaded a day ago and never used, and what was never finished."""

        def old(path: Path) -> bool:
            return time.time() - path.stat().st_mtime > UPLOAD_SECONDS

        def tidy() -> None:
            for folder in (self._folder.parent, self._folder, self._folder / "held"):
                if folder.is_dir():  # a hub that was killed may have made a folder that does not last yet
                    sync_folder(folder)
            for left in self._folder.glob("new/*.new"):
                left.unlink(missing_ok=True)
            for mark in self._folder.glob("held/by-*/*"):
                if old(mark):
                    self._let_go(mark)

        async with self._changing:
            await to_thread.run_sync(tidy)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        if not _HASH.fullmatch(name):
            raise BlobNotFound
        digits = name.removeprefix("sha256-")
        return self._folder / digits[:2] / digits

    def _mark(self, holder: str, name: str) -> None:
        place = self._folder / "held" / holder
        make_folder(place, 0o700)
        (place / name).touch()
        sync_folder(place)

    def _release(self, place: Path) -> None:
        if not place.is_dir():
            return
        for mark in list(place.iterdir()):
            self._let_go(mark)
        place.rmdir()

    def _let_go(self, mark: Path) -> None:
        if list(self._folder.glob(f"held/*/{mark.name}")) == [mark]:
            self._path(mark.name).unlink(missing_ok=True)
        mark.unlink(missing_ok=True)


def uploader_of(by: Principal) -> str:
    """The holder that stands for whoever uploads."""
    return "by-" + hashlib.sha256(f"{org_of(by)}\0{by.user}".encode()).hexdigest()[:16]


def input_into(session: SessionId) -> str:
    """A new holder: one input on its way into this session."""
    return f"{session}.{secrets.token_hex(8)}"


def blobs_of(parts: Sequence[InputPart]) -> Iterator[str]:
    """The names of blobs that an input refers to."""
    for part in parts:
        if isinstance(part, FileInput) and part.url.startswith(PREFIX):
            yield part.url.removeprefix(PREFIX)


async def stored(
    blobs: Blobs, parts: Sequence[InputPart], holder: str, *, inline_bytes: int = MAX_INLINE_BYTES
) -> tuple[InputPart, ...]:
    """The same input with long `data:` URLs as blobs that are held. Raises: InvalidBody, BodyTooLarge, StorageFull."""
    kept: list[InputPart] = []
    for part in parts:
        if isinstance(part, FileInput) and len(part.url) > inline_bytes and (head := _DATA.match(part.url)):
            blob = await _blob_of(blobs, part.url[head.end() :], part.mime, holder)
            part = replace(part, url=PREFIX + blob.hash)
        kept.append(part)
    return tuple(kept)


async def stored_file(blobs: Blobs, url: str, mime: str, holder: str) -> Blob:
    """What a `data:` URL holds, as a blob that is held. Raises: InvalidBody, BodyTooLarge, StorageFull."""
    head = _DATA.match(url)
    if head is None:
        raise InvalidBody("a file is given as base64 in a `data:` URL")
    return await _blob_of(blobs, url[head.end() :], mime, holder)


async def _blob_of(blobs: Blobs, text: str, mime: str, holder: str) -> Blob:
    data = await to_thread.run_sync(_decoded, text)
    return await blobs.put(_in_pieces(data), holder, mime)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidBody("input: the `data:` URL of a file is not base64") from None


async def _in_pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]
