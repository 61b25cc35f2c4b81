"""Sessions that come from elsewhere, and are not complete yet: nobody sees them, and one that fails leaves nothing."""

import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio import to_thread

from roost.core.blobs import Blobs
from roost.core.ground import Ground
from roost.durable import make_folder, remove, sync_folder
from roost.model.errors import RoostError, SessionExists, SessionNotFound
from roost.model.ids import SessionId
from roost.model.stored import Append


class Arriving:
    """`DATA/imports/<session>.part` marks each of them; what a hub that was killed has left goes when the next one
    starts."""

    def __init__(self, ground: Ground, blobs: Blobs, place: Path) -> None:
        self.place, self.blobs = place, blobs
        self._ground = ground
        self._coming: set[SessionId] = set()

    def check(self, session: SessionId) -> None:
        """Raises: SessionNotFound: it is not complete yet."""
        if session in self._coming:
            raise SessionNotFound

    async def tidy(self) -> None:
        """Remove what an import that was killed has left."""
        for mark in await to_thread.run_sync(lambda: list(self.place.glob("*.part"))):
            await self._forget(SessionId(mark.stem))

    @asynccontextmanager
    async def coming(self, session: SessionId) -> AsyncGenerator[None]:
        """It comes while the block lasts, and is there after it. Raises: SessionExists, at once."""
        if session in self._coming:
            raise SessionExists(session=session)
        self._coming.add(session)
        try:
            await self._must_be_new(session)
            mark = self.place / f"{session}.part"
            try:
                await to_thread.run_sync(self._mark, mark)
                yield
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await self._forget(session)
                raise
            await to_thread.run_sync(remove, mark)  # for good: what it names goes with the next start
        finally:
            self._coming.discard(session)

    async def append(self, appends: Sequence[Append]) -> None:
        """In this order, and together. Raises: what the first that failed raises."""
        failed: list[RoostError] = []

        async def write(append: Append) -> None:
            try:
                await self._ground.store.append(append)
            except RoostError as error:
                failed.append(error)

        async with anyio.create_task_group() as tasks:
            for append in appends:
                tasks.start_soon(write, append)
        if failed:
            raise failed[0]

    def _mark(self, mark: Path) -> None:
        make_folder(self.place, 0o700)
        mark.touch()
        sync_folder(self.place)

    async def _must_be_new(self, session: SessionId) -> None:
        try:
            await self._ground.store.get(session)
        except SessionNotFound:
            return
        raise SessionExists(session=session)

    async def _forget(self, session: SessionId) -> None:
        """Remove what is there of a session that did not come to its end."""
        try:
            await self._ground.store.delete(session, by=None, at=self._ground.clock.now_ms())
        except SessionNotFound:
            pass
        await self.blobs.release(session)
        await to_thread.run_sync(shutil.rmtree, self.place.parent / "sandboxes" / session, True)
        (self.place / f"{session}.part").unlink(missing_ok=True)
