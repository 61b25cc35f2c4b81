"""`GET .../events/history`: what has happened in a session, newest first, in pages (hub-wire 6).

An id is `seq * 16 + k`. Which ids there are is remembered for the sessions that were asked about last, and only what
the log has gained since then is looked through; it is nothing but the log, seen once.
"""

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Annotated, Any, Final

import msgspec
from litestar import get
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, Struct, UnsetType, field

from roost.api.call import Call
from roost.api.coder.recorded import OF_MESSAGES, RECORDED, Known, pairs_of
from roost.api.coder.shapes import Shape
from roost.api.coder.times import iso
from roost.api.coder.told import category
from roost.api.coder.translate import MAX_PER_EVENT
from roost.core.hub import Hub
from roost.core.log import PAGE_EVENTS
from roost.core.session import Session
from roost.model.envelope import Event
from roost.model.errors import CursorTrimmed, MessageNotFound
from roost.model.ids import MessageId, Seq, SessionId
from roost.model.messages import Message, decode_message

DEFAULT_EVENTS: Final = 100
MAX_EVENTS: Final = 1000
"""Of one page; who asks for more is given so many."""
MAX_SESSIONS: Final = 64
"""Sessions of which the ids are remembered: eight bytes for each id."""
NEAR: Final = 64
"""Events so near to each other are read at once, with what stands between them."""
MAX_INT: Final = 2**53 - 1
Number = Annotated[int, QueryParameter(ge=0, le=MAX_INT)]


class _Tag(Struct):
    type: str


_tag = msgspec.json.Decoder(_Tag)


class HistoryEvent(Shape, frozen=True, kw_only=True):
    id: int
    event: str
    category: str
    payload: dict[str, Any]
    occurred_at: str
    agent: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET


class History(Shape, frozen=True, kw_only=True):
    """Newest first. `total`: of all there are."""

    session_id: str
    events: Sequence[HistoryEvent]
    total: int
    limit: int
    offset: int


class _Ids(Struct):
    """The ids up to `seq`, rising."""

    seq: Seq = 0
    ids: "array[int]" = field(default_factory=lambda: array("q"))


class Histories:
    """What is remembered of one hub's sessions."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._known: OrderedDict[SessionId, _Ids] = OrderedDict()

    async def ids(self, session: Session) -> "array[int]":
        """All ids of a session, rising. Raises: SessionNotFound, StorageUnavailable."""
        known = self._known.get(session.id)
        if known is None or known.seq > session.seq:  # another log under the same id: it was brought back
            known = _Ids()
        while known.seq < session.seq:
            known = await self._more(session, known)
        self._known[session.id] = known
        self._known.move_to_end(session.id)
        while len(self._known) > MAX_SESSIONS:
            self._known.popitem(last=False)
        return known.ids

    async def _more(self, session: Session, known: _Ids) -> _Ids:
        try:
            page = await self._hub.log.page(session.id, known.seq, PAGE_EVENTS)
        except CursorTrimmed as trimmed:
            return _Ids(seq=trimmed.details["first"] - 1)
        ids = array("q", known.ids)
        for event in page.events:
            ids.extend(_ids_of(event))
        return _Ids(seq=page.events[-1].seq, ids=ids)

    async def page(self, session: Session, ids: Sequence[int]) -> list[HistoryEvent]:
        """The events with these ids, in their order. Raises: SessionNotFound, StorageUnavailable."""
        events = await self._events(session, sorted({number // MAX_PER_EVENT for number in ids}))
        record = session.record_now
        tasks = {task.task: task for task in record.tasks}
        known = Known(record.agent, await self._messages(session, events.values()), tasks)
        made = {seq: pairs_of(event, known) for seq, event in events.items()}
        return [
            _shaped(events[seq], number, *made[seq][number % MAX_PER_EVENT])
            for number in ids
            if (seq := number // MAX_PER_EVENT) in events
        ]

    async def _events(self, session: Session, seqs: Sequence[Seq]) -> dict[Seq, Event]:
        wanted = frozenset(seqs)
        found: dict[Seq, Event] = {}
        for first, last in _stretches(seqs):
            after = first - 1
            while after < last:
                page = await self._hub.log.page(session.id, after, last - after)
                found |= {event.seq: event for event in page.events if event.seq in wanted}
                after = page.events[-1].seq
        return found

    async def _messages(self, session: Session, events: Iterable[Event]) -> dict[MessageId, Message]:
        found: dict[MessageId, Message] = {}
        for name in {body.message for event in events if isinstance(body := event.body, OF_MESSAGES)}:
            with suppress(MessageNotFound):
                found[name] = decode_message(await self._hub.knowing.message(session, name))
        return found


def _ids_of(event: Event) -> list[int]:
    if _tag.decode(event.raw).type not in RECORDED:
        return []
    return [event.seq * MAX_PER_EVENT + k for k in range(len(pairs_of(event, Known())))]


def _stretches(seqs: Sequence[Seq]) -> list[tuple[Seq, Seq]]:
    """Rising numbers as stretches of near ones."""
    if not seqs:
        return []
    breaks = [(one, two) for one, two in pairwise(seqs) if two - one > NEAR]
    begins = [seqs[0], *(two for _, two in breaks)]
    return list(zip(begins, [*(one for one, _ in breaks), seqs[-1]], strict=True))


def _shaped(event: Event, number: int, name: str, data: dict[str, Any]) -> HistoryEvent:
    task = data.get("taskId") or getattr(event.body, "task", UNSET)
    agent = data.get("agent")
    return HistoryEvent(
        id=number,
        event=name,
        category=category(name),
        payload=data,
        occurred_at=iso(event.at),
        agent=agent if isinstance(agent, str) else UNSET,
        task_id=task,
    )


@get("/api/hub/session/{session:str}/events/history")
async def list_coder_events(
    request: Call,
    session: FromPath[str],
    limit: Number = DEFAULT_EVENTS,
    offset: Number = 0,
    before: Annotated[int | None, QueryParameter(name="beforeId", ge=0, le=MAX_INT)] = None,
) -> History:
    """What has happened, newest first: events with an id below `beforeId`, after `offset` of them."""
    found = await request.hub.find(session, request.by)
    histories: Histories = request.scope["state"]["histories"]
    ids = await histories.ids(found)
    end = len(ids) if before is None else bisect_left(ids, before)
    limit = min(limit, MAX_EVENTS)
    last = max(0, end - offset)
    chosen = list(reversed(ids[max(0, last - limit) : last]))
    events = await histories.page(found, chosen)
    return History(session_id=found.id, events=events, total=len(ids), limit=limit, offset=offset)


routes = [list_coder_events]
