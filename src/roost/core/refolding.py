"""Taking up the fold of a session from what is stored: never from its first event."""

from typing import Final

from msgspec import UNSET

from roost.model.envelope import Event
from roost.model.ids import Seq, SessionId
from roost.model.snapshot import Fold, decode_snapshot
from roost.model.stored import StoredSession
from roost.ports import Store

PAGE_EVENTS: Final = 2000
"""Read at once."""


async def refold(store: Store, row: StoredSession) -> Fold:
    """From the last checkpoint of the open run, or from where the conversation was last complete."""
    session, start = row.record.session, row.record.open_from
    if start is UNSET:
        return Fold.from_store(row.record, row.head, await store.messages(session), ())
    saved = await store.load_checkpoint(session)
    if saved is not None and start <= saved[0] <= row.head:
        fold = Fold.from_snapshot(decode_snapshot(saved[1]))
        for event in await _events(store, session, saved[0], row.head):
            fold.apply(event)
        fold.take_finished()
        return fold
    stored = await store.messages(session, before=start)
    return Fold.from_store(row.record, row.head, stored, await _events(store, session, start - 1, row.head))


async def _events(store: Store, session: SessionId, after: Seq, head: Seq) -> list[Event]:
    """The events after `after` up to `head`."""
    events: list[Event] = []
    while after < head:
        page = await store.read(session, after=after, limit=min(PAGE_EVENTS, head - after))
        events += page.events
        after = events[-1].seq
    return events
