"""Short ways to say what a test appends."""

from collections.abc import Sequence
from typing import Any

from roost.model.envelope import Draft, Event, decode_body, draft
from roost.model.events import MessageStart, Principal, SessionCreated, TextDelta, WorkspaceSpec
from roost.model.ids import MessageId, PartId, RunId, SessionId
from roost.model.lifecycle import Phase
from roost.model.record import Record
from roost.model.stored import Append, Appended, HostWriter
from roost.ports import Store

NOON = 1_763_640_000_000
DAY = 24 * 60 * 60 * 1000
ANNA = Principal(user="anna")
FOLDER = WorkspaceSpec(kind="folder", path="/srv/project")
MESSAGE = MessageId("msg_1")
PART = PartId("part_1")


def record(session: str = "s", **changes: Any) -> Record:
    fields: dict[str, Any] = {
        "session": session,
        "phase": Phase.ACTIVE,
        "label": "a session",
        "agent": "scripted",
        "workspace": FOLDER,
        "owner": ANNA,
        "created_at": NOON,
        "updated_at": NOON,
        "epoch": 1,
        "state_seq": 1,
    }
    return Record(**fields | changes)


def created(session: str = "s") -> Draft:
    body = SessionCreated(session=SessionId(session), label="a session", agent="scripted", workspace=FOLDER, owner=ANNA)
    return draft(body, by=ANNA)


def text(said: str, run: str = "run_1") -> Draft:
    return draft(TextDelta(message=MESSAGE, part=PART, delta=said), run=RunId(run))


def texts(count: int, start: int = 1) -> list[Draft]:
    """Deltas that say their number."""
    return [text(str(number)) for number in range(start, start + count)]


def fact(message: str = MESSAGE) -> Draft:
    return draft(MessageStart(message=MessageId(message), role="assistant"))


def raw(body: bytes) -> Draft:
    return Draft(body=decode_body(body), raw=body)


def append(*drafts: Draft, session: str = "s", at: int = NOON, **more: Any) -> Append:
    return Append(session=SessionId(session), drafts=drafts, at=at, **more)


def from_host(first: int, *drafts: Draft, session: str = "s", epoch: int = 1, **more: Any) -> Append:
    return append(*drafts, session=session, writer=HostWriter(epoch, first), **more)


async def new_session(store: Store, session: str = "s", **changes: Any) -> Appended:
    """A session whose log holds `session-created`."""
    return await store.create(append(created(session), session=session, record=record(session, **changes)))


async def read_all(store: Store, session: str = "s", *, after: int = 0) -> list[Event]:
    """The whole log, page by page."""
    events: list[Event] = []
    while True:
        page = await store.read(SessionId(session), after=after)
        events += page.events
        if not page.events:
            return events
        after = page.events[-1].seq


def said(events: Sequence[Event]) -> list[str]:
    return [event.body.delta for event in events if isinstance(event.body, TextDelta)]
