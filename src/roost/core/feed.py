"""The hub-wide feed as each principal may see it, and the audit."""

from collections.abc import AsyncIterator, Callable, Sequence

from msgspec import UNSET, Struct

from roost.core.log import FEED
from roost.model.access import may_see, may_see_fact, org_of
from roost.model.errors import SessionNotFound
from roost.model.events import Principal
from roost.model.ids import Pos, SessionId
from roost.model.record import Record
from roost.model.stored import AuditEntry, FeedEntry
from roost.ports import Bell, Store

PAGE_FACTS = 500


class FeedPage(Struct, frozen=True):
    """`entries`: what may be seen of the facts up to `pos`, which is where to go on."""

    entries: list[FeedEntry]
    pos: Pos


class AuditPage(Struct, frozen=True):
    """`entries`: what may be seen of what was done up to `pos`, which is where to go on."""

    entries: list[AuditEntry]
    pos: Pos


class Feed:
    """`known`: the record of a session that is loaded, if it is."""

    def __init__(self, store: Store, bell: Bell, known: Callable[[SessionId], Record | None]) -> None:
        self._store = store
        self._bell = bell
        self._known = known

    async def page(self, after: Pos, by: Principal, limit: int = PAGE_FACTS) -> FeedPage:
        """Of the next `limit` facts with pos > after, in order, those that this principal may see."""
        entries = await self._store.feed(after=after, limit=limit)
        shown = await self._visible(entries, by)
        return FeedPage([entry for entry in entries if shown(entry)], entries[-1].pos if entries else after)

    async def follow(self, after: Pos, by: Principal) -> AsyncIterator[FeedPage]:
        """The feed, replayed from `after` and then live, in pages. A page may have no entries and moves on all the
        same."""
        while True:
            signal = self._bell.ticket(FEED)  # before reading
            page = await self.page(after, by)
            if page.pos > after:
                after = page.pos
                yield page
            else:
                await signal.wait()

    async def head(self) -> Pos:
        return await self._store.feed_head()

    async def audit(self, after: Pos, by: Principal, limit: int = PAGE_FACTS) -> AuditPage:
        """What people and programs did: those of this admin's organisation, for an admin without one all of them."""
        entries = await self._store.audit(after=after, limit=limit)
        shown = [entry for entry in entries if by.kind == "service" or org_of(by) in ("", org_of(entry.by))]
        return AuditPage(shown, entries[-1].pos if entries else after)

    async def _visible(self, entries: Sequence[FeedEntry], by: Principal) -> Callable[[FeedEntry], bool]:
        """Each session is looked up once. One that was deleted meanwhile shows nothing but its deletion."""
        sessions: dict[SessionId, bool] = {}
        for session in {entry.session for entry in entries if entry.event is not UNSET}:
            record = self._known(session)
            try:
                record = record or (await self._store.get(session)).record
            except SessionNotFound:
                sessions[session] = False
            else:
                sessions[session] = may_see(record.visibility, record.owner, by)
        return lambda entry: may_see_fact(entry.fact, by) if entry.event is UNSET else sessions[entry.session]
