"""A store that forgets with its process: for embedded use and tests. The plain reading of the `Store` contract."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import UNSET, Raw, Struct, field

from roost.model.envelope import DELTAS, Event, tag_of
from roost.model.errors import CursorAhead, SessionNotFound, StateConflict, StorageUnavailable
from roost.model.events import Principal, RunStart
from roost.model.ids import MessageId, Pos, RunId, Seq, SessionId
from roost.model.lifecycle import RUN_ENDS, Phase
from roost.model.record import Record
from roost.model.stored import (
    ApiKey,
    Append,
    Appended,
    AuditEntry,
    Deed,
    FeedEntry,
    Item,
    KeyClaim,
    Page,
    SessionPage,
    SessionQuery,
    StoredMessage,
    StoredRun,
    StoredSession,
)
from roost.storage import finding, rules
from roost.storage.memory.items import Items

_NOBODY = Principal(user="", kind="service")
"""Instead of who deleted a session, where nobody in particular did."""


class _Session(Struct):
    """One session. `log[0]` is the event `fence.first`."""

    fence: rules.Fence
    record: Record
    log: list[Event] = field(default_factory=list[Event])
    env: dict[str, str] = field(default_factory=dict[str, str])
    messages: dict[MessageId, StoredMessage] = field(default_factory=dict[MessageId, StoredMessage])
    token_hash: bytes | None = None
    checkpoint: tuple[Seq, bytes] | None = None

    def stored(self) -> StoredSession:
        fence = self.fence
        return StoredSession(
            record=self.record,
            head=fence.head,
            first=fence.first,
            produced=fence.produced,
            env=dict(self.env),
            token_hash=self.token_hash,
        )


class MemoryStore:
    """Nothing here awaits, so every method is atomic by itself."""

    def __init__(self) -> None:
        self._sessions: dict[SessionId, _Session] = {}
        self._claims: dict[tuple[str, str], tuple[int, KeyClaim]] = {}
        self._feed: list[FeedEntry] = []
        self._audit: list[AuditEntry] = []
        self._keys: dict[str, ApiKey] = {}
        self._items = Items()
        self._pos: Pos = 0
        self._closed = False

    async def create(self, append: Append) -> Appended:
        self._check_open()
        record = rules.founding(append)
        self._check_claim(append)
        if append.session in self._sessions:
            raise StateConflict(f"There is a session {append.session} already.")
        self._sessions[append.session] = session = _Session(fence=rules.Fence(), record=record)
        return self._commit(session, append, dropped=0)

    async def append(self, append: Append) -> Appended:
        session = self._find(append.session)
        self._check_claim(append)
        dropped = rules.admit(session.fence, append)
        if dropped and dropped == len(append.drafts):
            head = session.fence.head
            return Appended(first=head + 1, head=head, pos=self._pos, dropped=dropped)
        return self._commit(session, append, dropped)

    async def read(self, session: SessionId, *, after: Seq = 0, limit: int = 500, max_bytes: int = 262_144) -> Page:
        found = self._find(session)
        fence = found.fence
        rules.check_cursor(after, head=fence.head, first=fence.first)
        start = after + 1 - fence.first
        events: list[Event] = []
        size = 0
        for event in found.log[start : start + max(limit, 0)]:
            size += len(bytes(event.raw))
            if events and size > max_bytes:
                break
            events.append(event)
        last = events[-1].seq if events else after
        return Page(events=events, head=fence.head, ended=found.record.phase is Phase.ENDED and last == fence.head)

    async def trim(self, session: SessionId, *, before: Seq) -> None:
        found = self._find(session)
        fence = found.fence
        if before > fence.head + 1:
            raise CursorAhead(head=fence.head)
        if before > fence.first:
            gone = before - fence.first
            self._feed = [
                entry for entry in self._feed
                if entry.session != session or entry.event is UNSET or entry.event.seq >= before
            ]  # fmt: skip
            del found.log[:gone]
            fence.first = before

    async def get(self, session: SessionId) -> StoredSession:
        return self._find(session).stored()

    async def list(self, query: SessionQuery) -> SessionPage:
        self._check_open()
        found = [session for session in self._sessions.values() if finding.matches(session.record, query)]
        found.sort(key=lambda session: session.record.session)
        found.sort(key=lambda session: getattr(session.record, f"{query.order}_at"), reverse=True)
        end = None if query.limit is None else query.offset + query.limit
        return SessionPage(rows=[session.stored() for session in found[query.offset : end]], total=len(found))

    async def counts(self, query: SessionQuery) -> Mapping[str, int]:
        self._check_open()
        records = [session.record for session in self._sessions.values()]
        return Counter(finding.shown(each, query.at, query.fade_ms) for each in records if finding.matches(each, query))

    async def delete(self, session: SessionId, *, by: Principal | None, at: int, kept: str | None = None) -> Pos:
        record = self._find(session).record
        del self._sessions[session]
        self._feed = [entry for entry in self._feed if entry.session != session or entry.event is UNSET]
        self._pos += 1
        self._audit = [entry for entry in self._audit if entry.session != session]
        fact = rules.deleted_fact(
            session, by=by, at=at, kept=kept, owner=record.owner, visibility=record.visibility
        )  # fmt: skip
        self._note(AuditEntry(pos=self._pos, at=at, by=by or _NOBODY, action="session-deleted", session=session))
        self._feed.append(FeedEntry(pos=self._pos, session=session, fact=fact))
        return self._pos

    async def messages(
        self, session: SessionId, *, before: Seq | None = None, limit: int = 50
    ) -> Sequence[StoredMessage]:
        stored = self._find(session).messages.values()
        found = sorted(
            (message for message in stored if before is None or message.first < before),
            key=lambda message: (message.first, message.id),
        )
        return found[-limit:] if limit > 0 else []

    async def message(self, session: SessionId, message: MessageId) -> StoredMessage | None:
        return self._find(session).messages.get(message)

    async def runs(self, session: SessionId, *, before: Seq | None = None, limit: int = 50) -> Sequence[StoredRun]:
        log = self._find(session).log
        starts = [e for e in log if type(e.body) is RunStart and (before is None or e.seq < before)]
        return [_ended(log, start) for start in starts[::-1][: max(limit, 0)]]

    async def run(self, session: SessionId, run: RunId) -> StoredRun | None:
        log = self._find(session).log
        starts = (event for event in log if type(event.body) is RunStart and event.run == run)
        return next((_ended(log, start) for start in starts), None)

    async def save_checkpoint(self, session: SessionId, seq: Seq, data: bytes) -> None:
        self._find(session).checkpoint = (seq, data)

    async def load_checkpoint(self, session: SessionId) -> tuple[Seq, bytes] | None:
        return self._find(session).checkpoint

    async def set_token(self, session: SessionId, token_hash: bytes) -> None:
        self._find(session).token_hash = token_hash

    async def find_claim(self, principal: str, key: str, *, at: int) -> KeyClaim | None:
        self._check_open()
        held = self._claims.get((principal, key))
        return None if held is None or rules.expired(held[0], at) else held[1]

    async def feed(self, *, after: Pos = 0, limit: int = 500) -> Sequence[FeedEntry]:
        self._check_open()
        return [entry for entry in self._feed if entry.pos > after][: max(limit, 0)]

    async def feed_head(self) -> Pos:
        self._check_open()
        return self._pos

    async def audit(self, *, after: Pos = 0, limit: int = 500) -> Sequence[AuditEntry]:
        self._check_open()
        return [entry for entry in self._audit if entry.pos > after and self._kept(entry)][: max(limit, 0)]

    async def note(self, deed: Deed) -> None:
        self._check_open()
        self._done(deed)

    async def put_key(self, key: ApiKey, deed: Deed | None = None) -> None:
        self._check_open()
        self._keys[key.id] = key
        self._done(deed)

    async def keys(self) -> Sequence[ApiKey]:
        self._check_open()
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    async def put_items(self, *items: Item, deed: Deed | None = None) -> None:
        self._check_open()
        self._items.put(items)
        self._done(deed)

    async def item(self, kind: str, item: str) -> Item | None:
        self._check_open()
        return self._items.find(kind, item)

    async def items(self, kind: str, *, visible_to: Principal | None = None, of: str | None = None) -> Sequence[Item]:
        self._check_open()
        return self._items.all(kind, visible_to, of)

    async def drop_item(self, kind: str, item: str, deed: Deed | None = None) -> None:
        self._check_open()
        if self._items.drop(kind, item):
            self._done(deed)

    async def copy(self, path: Path) -> None:
        raise StorageUnavailable("A store in memory cannot be copied.")

    async def close(self) -> None:
        self._closed = True

    # --- inside ---

    def _check_open(self) -> None:
        if self._closed:
            raise StorageUnavailable("The store is closed.")

    def _find(self, session: SessionId) -> _Session:
        self._check_open()
        try:
            return self._sessions[session]
        except KeyError:
            raise SessionNotFound(f"There is no session {session}.") from None

    def _check_claim(self, append: Append) -> None:
        claim = append.claim
        held = self._claims.get((claim.principal, claim.key)) if claim else None
        if claim and held and not rules.expired(held[0], append.at):
            raise rules.taken(claim, held[1].body_hash)

    def _done(self, deed: Deed | None) -> None:
        if deed is not None:
            self._pos += 1
            details = dict(deed.details)
            self._note(AuditEntry(pos=self._pos, at=deed.at, by=deed.by, action=deed.action, details=details))

    def _note(self, entry: AuditEntry) -> None:
        if entry.by.kind != "service":
            self._audit.append(entry)

    def _kept(self, entry: AuditEntry) -> bool:
        """Whether its event is not trimmed."""
        found = None if entry.session is UNSET else self._sessions.get(entry.session)
        return found is None or entry.seq is UNSET or entry.seq >= found.fence.first

    def _commit(self, session: _Session, append: Append, dropped: int) -> Appended:
        drafts = append.drafts[dropped:]
        first = rules.advance(session.fence, append, len(drafts))
        for seq, draft in enumerate(drafts, first):
            event = Event(seq=seq, at=append.at, raw=Raw(draft.raw), run=draft.run or UNSET, by=draft.by)
            session.log.append(event)
            self._pos += 1
            if draft.by is not UNSET:
                action = tag_of(draft.body)
                self._note(
                    AuditEntry(
                        pos=self._pos,
                        at=append.at,
                        by=draft.by,
                        action=action,
                        session=append.session,
                        seq=seq,
                        run=draft.run,
                    )
                )
            if type(draft.body) not in DELTAS:
                self._feed.append(FeedEntry(pos=self._pos, session=append.session, event=event))
        if append.record is not None:
            session.record = append.record
        if append.env is not None:
            session.env = dict(append.env)
        for message in append.messages:
            session.messages[message.id] = message
        if append.claim is not None:
            self._claim(append.claim, append.at)
        return Appended(first=first, head=session.fence.head, pos=self._pos, dropped=dropped)

    def _claim(self, claim: KeyClaim, at: int) -> None:
        self._claims = {name: held for name, held in self._claims.items() if not rules.expired(held[0], at)}
        self._claims[claim.principal, claim.key] = (at, claim)


def _ended(log: Sequence[Event], start: Event) -> StoredRun:
    """The run that begins here, with its end."""
    ends = (event for event in log if event.seq > start.seq and event.run == start.run and type(event.body) in RUN_ENDS)
    return StoredRun(start=start, end=next(ends, None))


async def open_memory(data: Path) -> MemoryStore:
    """`data` is not touched."""
    del data
    return MemoryStore()
