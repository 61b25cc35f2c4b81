"""What sessions refer to beside their logs: artifacts they have published, blobs of their input. Who may see the
session may see these."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from anyio import to_thread
from msgspec import UNSET, Struct
from msgspec.structs import replace

from roost.core.blobs import Blobs, blobs_of, stored, uploader_of
from roost.core.log import Log
from roost.core.session import Session
from roost.model.commands import CreateSession
from roost.model.errors import ArtifactNotFound, BlobNotFound, SessionNotFound
from roost.model.events import ArtifactPublished, Blob, InputPart, Principal
from roost.model.ids import SessionId
from roost.model.made import Artifact, find_artifact

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
        return Content(self._blobs.size(name), "application/octet-stream", self._blobs.pieces(name))

    async def take_in(self, parts: Sequence[InputPart], session: SessionId, by: Principal) -> tuple[InputPart, ...]:
        """An input as it is recorded: long `data:` URLs stored, blobs that it names held by the session.

        Raises: BlobNotFound: one that this principal has neither uploaded nor may see; InvalidBody, BodyTooLarge.
        """
        for name in blobs_of(parts):
            uploaded = uploader_of(by) in await to_thread.run_sync(self._blobs.holders, name)
            if not uploaded and not await self._may_see(name, by):
                raise BlobNotFound
            await self._blobs.hold(name, session)
        return await stored(self._blobs, parts, session)

    async def given(self, command: CreateSession, session: SessionId, by: Principal) -> CreateSession:
        """The same with its input taken in."""
        if command.input is UNSET:
            return command
        return replace(command, input=await self.take_in(command.input, session, by))

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
