"""What the host asks of its hub: content kept for the session, content that the session refers to, its log. Waits for a
hub that is away, and begins again."""

import base64
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from anyio import to_thread
from msgspec import Struct

from roost.host.inside import Inside
from roost.link import calls
from roost.model.envelope import Event
from roost.model.errors import BodyTooLarge, InvalidBody, LinkDown
from roost.model.events import Blob, FileInput
from roost.model.ids import Seq

MAX_BLOB_BYTES: Final = 64 * 1024 * 1024
T = TypeVar("T")


class Caller(Protocol):
    """The connection, as far as errands need it (host/wire.py)."""

    async def call(self, method: str, params: Struct) -> Any:
        """Raises: LinkDown: the connection is gone, or there is none; whatever the hub answers."""
        ...

    async def linked(self) -> None:
        """Wait until there is a hub."""
        ...


class Errands:
    """Runs errands over whatever connection there is."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def keep(self, content: bytes, mime: str) -> Blob:
        """Have this content kept. Raises: BodyTooLarge, StorageFull."""
        _check(len(content))

        def pieces() -> Iterator[bytes]:
            for start in range(0, len(content), calls.CHUNK_BYTES):
                yield content[start : start + calls.CHUNK_BYTES]

        return await self._again(lambda: self._send(pieces(), mime))

    async def keep_file(self, workspace: Path, path: str, mime: str) -> Blob:
        """Have a file of the workspace kept. Raises: FileMissing, NotAFile, PathOutside, BodyTooLarge, StorageFull."""

        def pieces() -> Iterator[bytes]:
            inside = Inside(workspace)
            descriptor, entry = inside.open(inside.parts(path))
            with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor
                _check(entry.size)
                while data := file.read(calls.CHUNK_BYTES):
                    yield data

        return await self._again(lambda: self._send(pieces(), mime))

    async def fetch(self, name: str) -> bytes:
        """A blob that the session refers to. Raises: BlobNotFound."""

        async def fetch() -> bytes:
            data = b""
            while piece := (
                await self._ask("read_blob", calls.ReadBlob(hash=name, offset=len(data)), calls.Piece)
            ).data:
                data += piece
            return data

        return await self._again(fetch)

    async def read_log(self, after: Seq) -> list[Event]:
        """The next events of the session's log; none: these were all. Raises: CursorAhead, CursorTrimmed."""
        piece = await self._again(lambda: self._ask("read_log", calls.ReadLog(after=after), calls.Piece))
        return msgspec.json.decode(piece.data, type=list[Event])

    async def content_of(self, part: FileInput) -> bytes:
        """What a `data:` or `blob:` URL stands for. Raises: BlobNotFound; InvalidBody: it is neither."""
        if part.url.startswith("blob:"):
            return await self.fetch(part.url.removeprefix("blob:"))
        head, comma, data = part.url.partition(",")
        if not head.startswith("data:") or not comma:
            raise InvalidBody(f"{part.filename or part.mime}: neither a `data:` URL nor a blob")
        try:
            return base64.b64decode(data, validate=True) if head.endswith(";base64") else unquote_to_bytes(data)
        except ValueError as error:
            raise InvalidBody(f"{part.filename or part.mime}: {error}") from None

    async def _send(self, pieces: Iterator[bytes], mime: str) -> Blob:
        handle = (await self._ask("begin_blob", calls.Nothing(), calls.Created)).handle
        while (data := await to_thread.run_sync(next, pieces, b"")) != b"":
            await self._caller.call("write_blob", calls.WriteOn(handle=handle, data=data))
        return await self._ask("keep_blob", calls.KeepBlob(handle=handle, mime=mime), Blob)

    async def _again(self, errand: Callable[[], Awaitable[T]]) -> T:
        while True:
            with suppress(LinkDown):
                return await errand()
            await self._caller.linked()

    async def _ask(self, method: str, params: Struct, wanted: type[T]) -> T:
        return msgspec.convert(await self._caller.call(method, params), wanted)


def _check(size: int) -> None:
    if size > MAX_BLOB_BYTES:
        raise BodyTooLarge(f"at most {MAX_BLOB_BYTES} bytes are published", limit_bytes=MAX_BLOB_BYTES)
