"""The log: the one way in (`append`) and the one way to observe (`follow`).

A bell says that there is more; observers pull pages from their own cursor. While a session is watched, its newest
events stay encoded in a ring that all observers share, so that a slow observer costs only itself and a fast one costs
one write of shared bytes.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from time import perf_counter
from typing import Any, Final, Self, TypeVar, cast

import msgspec
from msgspec import Struct

from roost.core.appends import Appends
from roost.core.bell import Lookers
from roost.model.envelope import Draft, encode_committed, encode_event, tag_of
from roost.model.errors import SessionNotFound
from roost.model.events import SessionEnded
from roost.model.ids import Seq, SessionId
from roost.model.stored import Append, Appended, Page
from roost.ports import Bell, Store

T = TypeVar("T")
_Read = Callable[[SessionId, Seq, int], Awaitable[Page]]
RING_BYTES: Final = 1024 * 1024
MAX_RENDERED: Final = 8
"""So many renderings of a page are kept, the latest: each is as large as the page."""
SEGMENT_BYTES: Final = 64 * 1024
"""A page of the ring for those who are behind ends with the first commit that makes it so large."""
PAGE_EVENTS: Final = 2000
PAGE_BYTES: Final = 512 * 1024
FEED: Final = "feed"
"""The bell's topic for the hub-wide feed."""


class _Tag(Struct):
    type: str


_tag = msgspec.json.Decoder(_Tag)


class Frames:
    """Consecutive encoded events `first`..`last`. Observers at the same cursor are given the same object, so what they
    render of it is rendered once. `cursor`: behind it the next page begins."""

    __slots__ = ("_rendered", "cursor", "data", "ended", "first", "last", "types")

    def __init__(self, first: Seq, types: list[str], data: list[bytes], *, ended: bool = False) -> None:
        self.first = first
        self.last = self.cursor = first + len(data) - 1
        self.types = types
        self.data = data
        self.ended = ended
        self._rendered: dict[Hashable, Any] = {}

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(map(len, self.data))

    def rendered(self, name: Hashable, render: "Callable[[Frames], T]") -> T:
        """`render(self)`, kept under `name`."""
        return remembered(self._rendered, name, lambda: render(self))


def remembered(kept: dict[Any, Any], name: Hashable, render: Callable[[], T]) -> T:
    """What is kept of a page under this name; rendered if it is not, and then the oldest beyond `MAX_RENDERED` goes."""
    found = kept.get(name)
    if found is None:
        if len(kept) >= MAX_RENDERED:
            del kept[next(iter(kept))]
        found = kept[name] = render()
    return cast(T, found)


class _Ring:
    """The newest events of a watched session, encoded: those after seq `low`. Knows nothing until it is told where the
    log ends, or is given events.

    Pages end where the log does so far, or, for those who are behind, where a segment does, so that they share pages,
    too, and what was rendered of them.
    """

    def __init__(self) -> None:
        self.watchers = 0
        self.lookers = Lookers()
        self.reading = asyncio.Lock()
        """Of many who want to read what is older, one does so at a time, maybe for all."""
        self.low: Seq | None = None
        self.gone = False
        self._ended = False
        self._types: list[str] = []
        self._data: list[bytes] = []
        self._bytes = 0
        self._ends: list[Seq] = []
        """The last seqs of segments."""
        self._open_bytes = 0
        """Of the segment that has not come to its end."""
        self._tips: dict[Seq, Frames] = {}
        """Pages up to where the log ends so far, by what they come after;"""
        self._whole: dict[Seq, Frames] = {}
        """and the latest of those that will not change any more,"""
        self._whole_bytes = 0
        """as large as this."""

    def begin(self, low: Seq) -> None:
        """The log ends there: what comes next will be here."""
        if self.low is None:
            self.low = low

    def push(self, drafts: Sequence[Draft], first: Seq, at: int) -> None:
        """What was committed just now, from seq `first` on."""
        if not self._data:
            self.low = first - 1
        self._pass_tips()
        self.lookers.ring()
        frames = encode_committed(drafts, first=first, at=at)
        size = sum(map(len, frames))
        self._types += [tag_of(draft.body) for draft in drafts]
        self._data += frames
        self._bytes += size
        self._ended = isinstance(drafts[-1].body, SessionEnded)
        self._open_bytes += size
        if self._open_bytes >= SEGMENT_BYTES:
            self._ends.append(first + len(drafts) - 1)
            self._open_bytes = 0
        if self._bytes > RING_BYTES:
            self._shrink()

    def drop(self) -> None:
        """The session was deleted."""
        self.low, self.gone = None, True
        self._types, self._data, self._tips, self._whole = [], [], {}, {}
        self.lookers.ring()

    def after(self, cursor: Seq) -> Frames | None:
        """The page after this cursor, possibly empty; None if the ring does not reach back (or forward) that far."""
        page = self._tips.get(cursor)
        if page is None:
            page = self._whole.get(cursor)
        return self._cut(cursor) if page is None else page

    def keep(self, page: Frames) -> None:
        """It is whole: what comes later will not change it."""
        self._whole_bytes += page.size
        self._whole[page.first - 1] = page
        while self._whole_bytes > RING_BYTES and len(self._whole) > 1:
            self._whole_bytes -= self._whole.pop(next(iter(self._whole))).size

    def _cut(self, cursor: Seq) -> Frames | None:
        if self.low is None or not self.low <= cursor <= self.low + len(self._data):
            return None
        following = bisect_right(self._ends, cursor)
        end = self._ends[following] - self.low if following < len(self._ends) else len(self._data)
        at = cursor - self.low
        cut = slice(at, min(end, at + PAGE_EVENTS))
        is_tip = cut.stop == len(self._data)
        page = Frames(cursor + 1, self._types[cut], self._data[cut], ended=self._ended and is_tip)
        if is_tip:
            self._tips[cursor] = page
        else:
            self.keep(page)
        return page

    def _pass_tips(self) -> None:
        """The log goes on: of what ended where it did, what ends a segment stays as it is."""
        if not self._open_bytes:
            for cursor, page in self._tips.items():
                if page.data and cursor not in self._whole:
                    self.keep(page)
        self._tips = {}

    def _shrink(self) -> None:
        """Forget the oldest events, a quarter more than must be, so that this is rare."""
        drop = 0
        while self._bytes > RING_BYTES * 3 // 4 and drop < len(self._data) - 1:
            self._bytes -= len(self._data[drop])
            drop += 1
        del self._data[:drop], self._types[:drop]
        self.low = (self.low or 0) + drop
        del self._ends[: bisect_right(self._ends, self.low)]


class Watch:
    """A session's log while somebody watches it (`with`): memory holds its newest events, and `look`, which raises
    nothing, is called when there is something new. Made by `Log.watch`."""

    __slots__ = ("_look", "_read", "_ring", "_rings", "_session")

    def __init__(
        self, rings: dict[SessionId, _Ring], session: SessionId, read: _Read, look: Callable[[], None] | None
    ) -> None:
        self._rings = rings
        self._session = session
        self._read = read
        self._look = look
        self._ring: _Ring

    def __enter__(self) -> Self:
        self._ring = self._rings.setdefault(self._session, _Ring())
        self._ring.watchers += 1
        if self._look is not None:
            self._ring.lookers.add(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        self._ring.watchers -= 1
        if self._look is not None:
            self._ring.lookers.discard(self._look)
        if not self._ring.watchers and self._rings.get(self._session) is self._ring:
            del self._rings[self._session]

    def at_hand(self, after: Seq) -> Frames | None:
        """The page after this cursor, possibly empty; None: memory does not hold it. Raises: SessionNotFound."""
        if self._ring.gone:  # also if somebody who was reading has told it where the log ends
            raise SessionNotFound
        return self._ring.after(after)

    async def read(self, after: Seq) -> Frames:
        """The same, from the store, unless somebody else has just read it. Raises: SessionNotFound; CursorAhead;
        CursorTrimmed."""
        ring = self._ring
        async with ring.reading:
            frames = ring.after(after)
            if frames is not None:
                return frames
            page = await self._read(self._session, after, PAGE_EVENTS)
            frames = _frames(page, after)
            if not frames.data and not frames.ended:
                ring.begin(after)
            elif ring.low is not None and after < frames.last <= ring.low:
                ring.keep(frames)
            return frames


class Log:
    """All sessions' logs over one store."""

    def __init__(self, store: Store, bell: Bell) -> None:
        self._store = store
        self._bell = bell
        self._rings: dict[SessionId, _Ring] = {}
        self.appends = Appends()

    async def append(self, append: Append, *, new: bool = False) -> Appended:
        """Commit, then tell. Raises what `Store.append` raises."""
        begun = perf_counter()
        done = await (self._store.create(append) if new else self._store.append(append))
        self.appends.note(len(append.drafts), perf_counter() - begun)
        if done.head >= done.first:
            ring = self._rings.get(append.session)
            if ring is not None:
                ring.push(append.drafts[done.dropped :], done.first, append.at)
            self._bell.ring(append.session)
            if append.record is not None:
                self._bell.ring(FEED)
        return done

    async def follow(self, session: SessionId, after: Seq = 0) -> AsyncIterator[Frames]:
        """Every event with seq > after, in order, once: replay, then live. Ends after the last event of an ended
        session, at once if the cursor is there already.

        Raises: SessionNotFound (also when it is deleted meanwhile); CursorAhead; CursorTrimmed.
        """
        with self.watch(session) as watch:
            while True:
                signal = self._bell.ticket(session)  # before reading, or a wake-up is lost
                frames = watch.at_hand(after)
                if frames is None:
                    frames = await watch.read(after)
                if frames.data:
                    after = frames.last
                    yield frames
                if frames.ended:
                    return
                if not frames.data:
                    del frames  # whoever waits keeps nothing
                    await signal.wait()

    def watch(self, session: SessionId, look: Callable[[], None] | None = None) -> Watch:
        """`follow` in steps, for those who have no task to wait with: look again at each call of `look`."""
        return Watch(self._rings, session, self.page, look)

    async def page(self, session: SessionId, after: Seq, limit: int) -> Page:
        return await self._store.read(session, after=after, limit=limit, max_bytes=PAGE_BYTES)

    @property
    def watched(self) -> dict[SessionId, int]:
        """Sessions that are followed just now, and by how many."""
        return {session: ring.watchers for session, ring in self._rings.items()}

    def forget(self, session: SessionId) -> None:
        """The session was deleted: whoever follows it is told so."""
        ring = self._rings.pop(session, None)
        if ring is not None:
            ring.drop()
        self._bell.ring(session)
        self._bell.ring(FEED)


def _frames(page: Page, after: Seq) -> Frames:
    events = page.events
    types = [_tag.decode(event.raw).type for event in events]  # a tenth of what reading the whole body takes
    return Frames(after + 1, types, [encode_event(event) for event in events], ended=page.ended)
