"""What sessions refer to beside their logs: artifacts they have published, blobs of their input. Who may see the
session may see these."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
import structlog
from anyio import to_thread
from msgspec import UNSET, Struct
from msgspec.structs import replace

from roost.core.blobs import Blobs, blobs_of, input_into, stored, uploader_of
from roost.core.kits import check_size, places_of
from roost.core.log import PAGE_EVENTS, Log
from roost.core.session import Session
from roost.model.commands import CreateSession, FileRequest
from roost.model.errors import ArtifactNotFound, BlobNotFound, CursorTrimmed, RoostError, SessionNotFound
from roost.model.events import ArtifactPublished, Blob, FileInput, GivenFile, InputPart, Principal
from roost.model.ids import Seq, SessionId
from roost.model.made import Artifact, find_artifact

BYTES: Final = "application/octet-stream"
_log = structlog.get_logger("roost.shelf")

Find = Callable[[str, Principal], Awaitable[Session]]


class Content(Struct, frozen=True):
    """What was asked for, and its bytes in pieces."""

    size: int
    mime: str
    pieces: AsyncIterator[bytes]


class Shelf:
    """Artifacts and blobs of a hub. `find`: a session, if this principal may see it."""

    def __init__(self, blobs: Blobs, log: Log, find: Find) -> None:
        self._blobs = blobs
        self._log = log
        self._find = find

    # --- artifacts ----------------------------------------------------------------------------------------------------

    def artifacts(self, session: Session) -> tuple[Artifact, ...]:
        """All versions that are listed, oldest first."""
        return session.record_now.made.artifacts

    async def artifact(self, session: Session, key: str, version: int | None) -> tuple[Artifact, Content]:
        """The newest version, or this one. Raises: ArtifactNotFound; BlobNotFound: its content never came."""
        found = find_artifact(session.record_now.made, key, version)
        if found is None:
            raise ArtifactNotFound(key=key, version=version)
        if found.blob is not UNSET:
            if session.id not in await to_thread.run_sync(self._blobs.holders, found.blob.hash):
                raise BlobNotFound("the artifact names content that its session never stored")
            size = self._blobs.size(found.blob.hash)
            return found, Content(size, found.mime, self._blobs.pieces(found.blob.hash))
        (event,) = (await self._log.page(session.id, found.seq - 1, 1)).events
        text = event.body.text if isinstance(event.body, ArtifactPublished) and event.body.text is not UNSET else ""
        return found, Content(found.size, found.mime, _once(text.encode()))

    # --- blobs --------------------------------------------------------------------------------------------------------

    async def put_blob(self, pieces: AsyncIterator[bytes], by: Principal, mime: str) -> Blob:
        """Keep content for a day, so that an input can refer to it. Raises: BodyTooLarge, StorageFull."""
        return await self._blobs.put(pieces, uploader_of(by), mime)

    async def blob(self, name: str, by: Principal) -> Content:
        """Raises: BlobNotFound: no session that this principal may see refers to it."""
        if not await self._may_see(name, by):
            raise BlobNotFound
        return Content(self._blobs.size(name), BYTES, self._blobs.pieces(name))

    @asynccontextmanager
    async def take_in(
        self, parts: Sequence[InputPart], session: SessionId, by: Principal, *, after: Seq
    ) -> AsyncGenerator[tuple[InputPart, ...]]:
        """An input as it is recorded: long `data:` URLs stored, blobs that it names held. When the block ends, the
        session goes on holding what its log names after seq `after`; the rest is let go.

        Raises: BlobNotFound: one that this principal has neither uploaded nor may see; InvalidBody, BodyTooLarge,
        StorageFull.
        """
        if not any(isinstance(part, FileInput) for part in parts):
            yield tuple(parts)
            return
        async with self._coming(session, after, by) as holder:
            yield await self._held(parts, holder, by)

    @asynccontextmanager
    async def given(
        self, command: CreateSession, session: SessionId, by: Principal
    ) -> AsyncGenerator[tuple[CreateSession, tuple[GivenFile, ...]]]:
        """A new session as it is recorded, its input taken in, and its files taken in. Raises: what `take_in` raises;
        PathOutside."""
        async with self._coming(session, 0, by) as holder:
            files = await self._files(command.files, holder, by)
            if command.input is not UNSET:
                command = replace(command, input=await self._held(command.input, holder, by))
            yield command, files

    @asynccontextmanager
    async def _coming(self, session: SessionId, after: Seq, by: Principal) -> AsyncGenerator[str]:
        """Who holds what is on its way into the log of a session, until the block ends."""
        holder = input_into(session)
        try:
            yield holder
        finally:
            with anyio.CancelScope(shield=True):
                await self._settle(holder, after, uploader_of(by))

    async def tidy(self) -> None:
        """Settle inputs that were on their way in when the last hub went."""
        for holder in await to_thread.run_sync(self._blobs.inputs):
            await self._settle(holder, 0)

    async def _held(self, parts: Sequence[InputPart], holder: str, by: Principal) -> tuple[InputPart, ...]:
        for name in blobs_of(parts):
            await self._hold(name, holder, by)
        return await stored(self._blobs, parts, holder)

    async def _files(self, files: Sequence[FileRequest], holder: str, by: Principal) -> tuple[GivenFile, ...]:
        kept: list[GivenFile] = []
        for place, file in zip(places_of(files), files, strict=True):
            if file.content is not UNSET:
                blob = await self._blobs.put(_once(file.content), holder, BYTES)
            else:
                name = str(file.blob)
                await self._hold(name, holder, by)
                blob = Blob(hash=name, size=self._blobs.size(name), mime=BYTES)
            kept.append(GivenFile(path=place, blob=blob))
        check_size(sum(file.blob.size for file in kept))
        return tuple(kept)

    async def _hold(self, name: str, holder: str, by: Principal) -> None:
        """Have a blob held for somebody else, too. Raises: BlobNotFound: it is not this principal's to give."""
        uploaded = uploader_of(by) in await to_thread.run_sync(self._blobs.holders, name)
        if not uploaded and not await self._may_see(name, by):
            raise BlobNotFound
        await self._blobs.hold(name, holder)

    async def _settle(self, holder: str, after: Seq, uploader: str = "") -> None:
        """Whether it was recorded, and whoever was killed meanwhile, the log knows. What the session holds now, its
        uploader need not. What cannot be settled now is when the next hub starts; until then all of it is held."""
        session = SessionId(holder.partition(".")[0])
        try:
            names = await to_thread.run_sync(self._blobs.held_by, holder)
            for name in await self._named(session, names, after):
                await self._blobs.hold(name, session)
                if uploader:
                    await self._blobs.let_go(name, uploader)
            await self._blobs.release(holder)
        except (RoostError, OSError) as error:
            _log.error("blobs of an input are left", session=session, detail=str(error))

    async def _named(self, session: SessionId, names: Sequence[str], after: Seq) -> set[str]:
        """Those that events after this seq name. None, where there is no such session."""
        found: set[str] = set()
        try:
            while len(found) < len(names) and (events := (await self._log.page(session, after, PAGE_EVENTS)).events):
                found |= {name for name in names for event in events if name.encode() in bytes(event.raw)}
                after = events[-1].seq
        except CursorTrimmed as error:
            return await self._named(session, names, int(error.details["first"]) - 1)
        except SessionNotFound:
            return set()
        return found

    async def _may_see(self, name: str, by: Principal) -> bool:
        for holder in await to_thread.run_sync(self._blobs.holders, name):
            if not holder.startswith("by-"):
                try:
                    await self._find(holder, by)
                except SessionNotFound:
                    continue
                return True
        return False


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
