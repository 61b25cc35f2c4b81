"""Sessions that leave as a bundle and come as one. What comes is history: its log as it was, then its archiving."""

import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, TypeVar

import anyio
import msgspec
from anyio import to_thread
from msgspec import UNSET
from msgspec.structs import replace

from roost import __version__
from roost.core.arriving import Arriving
from roost.core.blobs import Blobs
from roost.core.bundle import Bundle, Packer, apply
from roost.core.decisions import decide
from roost.core.ground import Ground
from roost.core.keys import Keyring
from roost.core.session import Session
from roost.core.workspace import Workspace
from roost.model import commands as c
from roost.model.bundle import BLOBS, END, EVENTS, FORMAT, HEAD, PATCH, VERSION, BundleEnd, BundleHead
from roost.model.envelope import Draft, Event, committed, encode_event
from roost.model.errors import BodyTooLarge, BundleInvalid, RoostError, StorageFull
from roost.model.events import Principal, WorkspaceSpec
from roost.model.ids import Seq, SessionId, new_session_id
from roost.model.record import Record
from roost.model.snapshot import Fold
from roost.model.stored import Append
from roost.settings import Settings

T = TypeVar("T")
PAGE_EVENTS: Final = 2000
AT_ONCE: Final = 256
"""Appends of one import that wait for a commit together."""


class Bundles:
    """Exports and imports of a hub. `DATA/imports` holds what is on its way in."""

    def __init__(self, ground: Ground, blobs: Blobs, workspace: Workspace, keys: Keyring, settings: Settings) -> None:
        self._ground, self._blobs, self._workspace, self._keys = ground, blobs, workspace, keys
        self._place = Path(settings.data) / "imports"
        self._max_bytes = settings.max_file_bytes
        self.arriving = Arriving(ground, blobs, self._place)

    async def tidy(self) -> None:
        """Remove what an import that was killed has left."""
        await self.arriving.tidy()
        for left in await to_thread.run_sync(lambda: list(self._place.glob("*.new"))):
            left.unlink(missing_ok=True)

    # --- out ----------------------------------------------------------------------------------------------------------

    async def export(self, session: Session, by: Principal) -> AsyncIterator[bytes]:
        """The session as it is now, in pieces. Raises, before the first piece: nothing."""
        head, at = session.seq, self._ground.clock.now_ms()
        packer = Packer(at)
        told = BundleHead(format=FORMAT, version=VERSION, session=session.id, head=head, at=at, roost=__version__)
        yield packer.member(HEAD, msgspec.json.encode(told))
        after = 0
        while after < head:
            events = await self._page(session.id, after, head)
            lines = b"".join([encode_event(event) + b"\n" for event in events])
            yield await to_thread.run_sync(packer.member, f"{EVENTS}{events[0].seq:012}.jsonl", lines)
            after = events[-1].seq
        count = 0
        for name in await to_thread.run_sync(self._blobs.held_by, session.id):
            size = self._blobs.size(name)
            yield packer.begin(BLOBS + name, size)
            async for piece in self._blobs.pieces(name):
                yield await to_thread.run_sync(packer.add, piece)
            yield packer.pad(size)
            count += 1
        if patch := await self._patch(session, by):
            yield await to_thread.run_sync(packer.member, PATCH, patch)
        yield packer.member(END, msgspec.json.encode(BundleEnd(events=head, blobs=count))) + packer.end()

    async def _page(self, session: SessionId, after: Seq, head: Seq) -> list[Event]:
        page = await self._ground.store.read(session, after=after, limit=min(PAGE_EVENTS, head - after))
        return page.events

    async def _patch(self, session: Session, by: Principal) -> bytes:
        """What the session has changed, if its workspace can be asked without waking anybody, and says all of it."""
        try:
            diff = await self._workspace.diff(session, by, wake=False)
        except RoostError:
            return b""
        return b"" if diff.truncated else diff.patch_bytes

    # --- in -----------------------------------------------------------------------------------------------------------

    async def take(self, pieces: AsyncIterator[bytes], by: Principal, *, new_id: bool) -> SessionId:
        """A session from its bundle: its own id, or a new one. It belongs to `by`. All of it, or nothing.

        Raises: Forbidden: not an admin of the whole hub; BundleInvalid, BodyTooLarge, SessionExists, StorageFull.
        """
        self._keys.check_hub(by)
        path = await self._receive(pieces)
        try:
            bundle = Bundle(path, max_file_bytes=self._max_bytes)
            head, fold = await to_thread.run_sync(bundle.check)
            session = new_session_id() if new_id else head.session
            async with self.arriving.coming(session):
                await self._write(bundle, session, fold, by)
            return session
        finally:
            path.unlink(missing_ok=True)

    async def _receive(self, pieces: AsyncIterator[bytes]) -> Path:
        """Raises: BodyTooLarge, StorageFull."""
        self._place.mkdir(mode=0o700, exist_ok=True)
        path = self._place / f"{secrets.token_hex(8)}.new"
        size = 0
        try:
            async with await anyio.open_file(path, "xb") as file:
                async for data in pieces:
                    size += len(data)
                    if size > self._max_bytes:
                        raise BodyTooLarge(limit_bytes=self._max_bytes)
                    await file.write(data)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StorageFull(f"the bundle cannot be kept: {error.strerror}") from None
            raise
        return path

    async def _write(self, bundle: Bundle, session: SessionId, whole: Fold, by: Principal) -> None:
        was, last = whole.record.session, _belonging(whole.record, session, by)
        await self._write_log(bundle, session, last)
        await self._write_blobs(bundle, session)
        await self._close(session, whole, by)
        await self._keys.note(by, "session-imported", session=session, was=was)

    async def _write_log(self, bundle: Bundle, session: SessionId, last: Record) -> None:
        """In commits of the times that the log has. The row says from the first what it will say at last."""
        fold, store, pages = Fold.empty(), self._ground.store, bundle.pages()
        while (page := await to_thread.run_sync(_next, pages)) is not None:
            appends = await to_thread.run_sync(lambda page=page: list(_appends(session, fold, page)))
            if appends[0].drafts and fold.seq == len(page):
                await store.create(replace(appends.pop(0), record=last))
            for at in range(0, len(appends), AT_ONCE):
                await self.arriving.append(appends[at : at + AT_ONCE])

    async def _write_blobs(self, bundle: Bundle, session: SessionId) -> None:
        blobs = bundle.blobs()
        while (found := await to_thread.run_sync(_next, blobs)) is not None:
            name, file = found
            kept = await self._blobs.put(_pieces(file), session, "")
            if kept.hash != name:
                raise BundleInvalid(f"the content of {name[:80]} is another")

    async def _close(self, session: SessionId, fold: Fold, by: Principal) -> None:
        """Archive it, unless it was. Whatever comes, the row and the messages that were open are written once more."""
        at = self._ground.clock.now_ms()
        drafts = decide(fold.record, c.Archive(), by).drafts
        before = fold.seq
        for number, draft in enumerate(drafts):
            apply(fold, committed(draft, seq=before + number + 1, at=at))
        record = _belonging(fold.record, session, by)
        done = await self._ground.store.append(
            Append(session=session, drafts=drafts, at=at, record=record, messages=fold.take_finished())
        )
        if done.head != fold.seq:
            raise BundleInvalid("the log was not written as it is")
        self._ground.bell.ring("feed")


def _belonging(record: Record, session: SessionId, by: Principal) -> Record:
    """The record here: another id perhaps, another owner, and a folder that is not Roost's to remove."""
    spec = record.workspace
    named = WorkspaceSpec(kind="folder", path=spec.root if spec.path is UNSET else spec.path)
    return replace(record, session=session, owner=by, workspace=named)


def _appends(session: SessionId, fold: Fold, page: Sequence[Event]) -> Iterator[Append]:
    """The events as commits, each of those that follow each other with one time."""
    drafts: list[Draft] = []
    for number, event in enumerate(page):
        apply(fold, event)
        drafts.append(Draft(body=event.body, raw=bytes(event.raw), run=event.run, by=event.by))
        if number + 1 == len(page) or page[number + 1].at != event.at:
            yield Append(session=session, drafts=drafts, at=event.at, messages=fold.take_finished())
            drafts = []


def _next(items: Iterator[T]) -> T | None:
    return next(items, None)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while data := await to_thread.run_sync(file.read, 512 * 1024):
        yield data
