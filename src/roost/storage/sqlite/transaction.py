"""One group commit: every waiting call is checked and staged, then all of them are written and committed together.

A refused call raises before it has changed anything, so it does not harm the others. What many calls write the same
way (events, heads, records, messages) is staged in lists and written with few statements of many rows: each statement
costs the writer thread one turn at the interpreter lock.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from roost.model.access import org_of
from roost.model.envelope import Draft, tag_of
from roost.model.errors import CursorAhead, SessionNotFound, StateConflict
from roost.model.events import Principal
from roost.model.ids import MessageId, Pos, Seq, SessionId
from roost.model.record import Record, encode_record
from roost.model.stored import ApiKey, Append, Appended, Deed, Item, StoredMessage
from roost.storage import rules
from roost.storage.finding import fade_of, folder_of, words_of
from roost.storage.sqlite import items as library
from roost.storage.sqlite.leftovers import any_left
from roost.storage.sqlite.sql import SQL, repeated

_CHUNKS: Final = (512, 256, 128, 64, 32, 16, 8, 4, 2, 1)
"""Rows in one statement. Powers of two: any number of rows takes few statements, and each is prepared once."""
_MOST_FENCES: Final = 16_384


class SessionFence(rules.Fence):
    """A fence with the row's short key, what lists filter by, and what finds it by words (None: not known)."""

    key: int = 0
    listed: tuple[Any, ...] = ()
    found_by: tuple[Any, ...] | None = None


class Fences(dict[SessionId, SessionFence]):
    """The writer's copy of what is committed, so that an append needs no query. `pos`: the last one given out;
    `leftovers`: whether there may be some."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self.pos: Pos = connection.execute(SQL["last-pos"]).fetchone()[0]
        self.leftovers = any_left(connection)


class Transaction:
    """Between BEGIN and COMMIT. Its calls run in the order in which they came; `flush` goes before COMMIT."""

    def __init__(self, connection: sqlite3.Connection, fences: Fences) -> None:
        self.relisted = False
        """Whether a filter may let other sessions through afterwards."""
        self._connection = connection
        self._execute = connection.execute
        self._fences = fences
        self._deltas: list[Any] = []
        self._events: list[Any] = []
        self._moved: dict[int, SessionFence] = {}
        self._records: dict[int, tuple[SessionFence, Record]] = {}
        self._messages: dict[tuple[int, MessageId], StoredMessage] = {}

    # --- calls of the Store ---

    def create(self, append: Append) -> Appended:
        record = rules.founding(append)
        self._check_claim(append)
        if self._look_up(append.session) is not None:
            raise StateConflict(f"There is a session {append.session} already.")
        listed = _listed(record)
        row = (
            append.session, record.created_at, record.updated_at, *listed, record.epoch, record.state_seq,
            _json(append.env or {}), bytearray(encode_record(record)),
        )  # fmt: skip
        key = self._execute(SQL["insert-session"], row).lastrowid or 0
        self._fences[append.session] = fence = SessionFence(key=key, listed=listed)
        self._find_by(fence, record)
        done = self._stage(fence, append, dropped=0)
        del self._records[key]  # its row is just written
        return done

    def append(self, append: Append) -> Appended:
        fence = self._find(append.session)
        self._check_claim(append)
        dropped = rules.admit(fence, append)
        if dropped and dropped == len(append.drafts):
            return Appended(first=fence.head + 1, head=fence.head, pos=self._fences.pos, dropped=dropped)
        if append.env is not None:
            self._execute(SQL["set-env"], (_json(append.env), fence.key))
        return self._stage(fence, append, dropped)

    def trim(self, session: SessionId, before: Seq) -> None:
        fence = self._find(session)
        if before > fence.head + 1:
            raise CursorAhead(head=fence.head)
        if before > fence.first:
            self._leave_over(fence.key, before)
            self._execute(SQL["set-first"], (before, fence.key))
            self._execute(SQL["mark-pos"], (self._fences.pos,))
            fence.first = before

    def delete(self, session: SessionId, by: Principal | None, at: int, kept: str | None) -> Pos:
        fence = self._find(session)
        self.flush()
        self._leave_over(fence.key, fence.head + 1)
        for name in ("delete-checkpoint", "delete-head", "delete-session"):
            self._execute(SQL[name], (fence.key,))
        del self._fences[session]
        self.relisted = True
        self._fences.pos += 1
        _, _, _, user, org, visibility, *_ = fence.listed
        owner = Principal(user=user, org=org or UNSET)
        fact = rules.deleted_fact(session, by=by, at=at, kept=kept, owner=owner, visibility=visibility)
        who = "" if by is None else _json(by)
        self._execute(SQL["insert-deletion"], (self._fences.pos, at, who, msgspec.json.encode(fact)))
        return self._fences.pos

    def save_checkpoint(self, session: SessionId, seq: Seq, data: bytes) -> None:
        self._execute(SQL["put-checkpoint"], (self._find(session).key, seq, data))

    def set_token(self, session: SessionId, token_hash: bytes) -> None:
        self._execute(SQL["set-token"], (token_hash, self._find(session).key))

    def put_key(self, key: ApiKey, deed: Deed | None) -> None:
        row = (
            key.id, key.hash, _json(key.principal), key.created_at, key.revoked_at, key.scope, key.label,
            key.expires_at,
        )  # fmt: skip
        self._execute(SQL["put-key"], row)
        self._audit(deed)

    def put_items(self, items: Sequence[Item], deed: Deed | None) -> None:
        library.put_items(self._connection, items)
        self._audit(deed)

    def drop_item(self, kind: str, item: str, deed: Deed | None) -> None:
        if library.drop_item(self._connection, kind, item):
            self._audit(deed)

    def note(self, deed: Deed) -> None:
        self._audit(deed)

    def _audit(self, deed: Deed | None) -> None:
        if deed is not None:
            self.flush()
            self._fences.pos += 1
            body = msgspec.json.encode(deed.details)
            self._execute(SQL["insert-deed"], (self._fences.pos, deed.at, _json(deed.by), deed.action, body))

    def _leave_over(self, key: int, before: Seq) -> None:
        self._execute(SQL["leave-over"], (key, before))
        self._fences.leftovers = True

    # --- checking ---

    def _look_up(self, session: SessionId) -> SessionFence | None:
        fence = self._fences.get(session)
        if fence is None:
            row = self._execute(SQL["fence"], (session,)).fetchone()
            if row is None:
                return None
            key, head, first, epoch, produced, state_seq, hidden, *rest = row
            fence = SessionFence(head, first, epoch, produced, state_seq, key, (bool(hidden), *rest))
            self._fences[session] = fence
        return fence

    def _find(self, session: SessionId) -> SessionFence:
        fence = self._look_up(session)
        if fence is None:
            raise SessionNotFound(f"There is no session {session}.")
        return fence

    def _check_claim(self, append: Append) -> None:
        """Refuse a key that is held. Claims are few, so they are written at once rather than staged."""
        claim = append.claim
        if claim is None:
            return
        held = self._execute(SQL["held-claim"], (claim.principal, claim.key)).fetchone()
        if held is not None and not rules.expired(held[0], append.at):
            raise rules.taken(claim, held[1])

    # --- staging ---

    def _stage(self, fence: SessionFence, append: Append, dropped: int) -> Appended:
        drafts = append.drafts[dropped:] if dropped else append.drafts
        first = rules.advance(fence, append, len(drafts))
        self._moved[fence.key] = fence
        self._stage_events(fence.key, first, append.at, drafts)
        if append.record is not None:
            self._records[fence.key] = (fence, append.record)
        for message in append.messages:
            self._messages[fence.key, message.id] = message
        if append.claim is not None:
            self._put_claim(append)
        return Appended(first=first, head=fence.head, pos=self._fences.pos, dropped=dropped)

    def _stage_events(self, key: int, seq: Seq, at: int, drafts: Sequence[Draft]) -> None:
        """Flat rows of `insert-deltas` and `insert-events`. A bytearray, unlike bytes or None, is bound without a
        detour."""
        deltas, events = self._deltas, self._events
        pos = self._fences.pos
        for draft in drafts:
            pos += 1
            tag = rules.DELTA_TAGS.get(type(draft.body))
            if tag is not None and draft.by is UNSET:
                deltas += (pos, key, seq, at, draft.run or "", tag, bytearray(draft.raw))
            else:
                tag = tag_of(draft.body)
                by = "" if draft.by is UNSET else _json(draft.by)
                fact = int(tag not in rules.DELTA_TAGS.values())
                events += (pos, key, seq, at, draft.run or "", by, tag, fact, bytearray(draft.raw))
            seq += 1
        self._fences.pos = pos

    def _put_claim(self, append: Append) -> None:
        claim = append.claim
        assert claim is not None
        self._execute(SQL["forget-claims"], (append.at - rules.CLAIM_MS,))
        row = (claim.principal, claim.key, append.at, claim.body_hash, claim.outcome)
        self._execute(SQL["put-claim"], row)

    # --- writing ---

    def flush(self) -> None:
        """Write what is staged."""
        self._write("insert-deltas", self._deltas, width=7)
        self._write("insert-events", self._events, width=9)
        heads = [value for fence in self._moved.values() for value in (fence.key, fence.head, fence.produced)]
        self._write("put-heads", heads, width=3)
        self._flush_records()
        messages: list[Any] = []
        for (key, _), message in self._messages.items():
            messages += (key, message.id, message.first, bytearray(message.data))
        self._write("put-messages", messages, width=4)
        for staged in (self._deltas, self._events, self._moved, self._records, self._messages):
            staged.clear()

    def _flush_records(self) -> None:
        narrow: list[Any] = []
        for key, (fence, record) in self._records.items():
            raw = bytearray(encode_record(record))
            listed = _listed(record)
            if listed == fence.listed:
                narrow += (key, record.updated_at, record.epoch, record.state_seq, raw)
            else:
                row = (record.updated_at, record.epoch, record.state_seq, raw, *listed, key)
                self._execute(SQL["update-session"], row)
                fence.listed = listed
                self.relisted = True
            self._find_by(fence, record)
        self._write("update-records", narrow, width=5)

    def _find_by(self, fence: SessionFence, record: Record) -> None:
        """Keep words and tags as the record has them."""
        by = (record.label, record.tags, record.metadata)
        if by != fence.found_by:
            self._execute(SQL["put-words"], (words_of(record), fence.key))
            self._execute(SQL["forget-tags"], (fence.key,))
            for tag in record.tags:
                self._execute(SQL["put-tag"], (tag, fence.key))
            fence.found_by = by
            self.relisted = True

    def _write(self, name: str, values: list[Any], *, width: int) -> None:
        """Write flat rows with as few statements as a fixed set of sizes allows, so that each is prepared once."""
        at, end = 0, len(values)
        for rows in _CHUNKS:
            size = rows * width
            while end - at >= size:
                self._execute(repeated(name, rows), values[at : at + size])
                at += size


def bounded(fences: Fences) -> None:
    """Forget all fences when there are too many; they are read again when needed. Only between transactions."""
    if len(fences) > _MOST_FENCES:
        fences.clear()


def _listed(record: Record) -> tuple[Any, ...]:
    """What lists filter by, as in the columns from `hidden` to `fade`."""
    return (
        record.hidden, record.phase.value, record.agent, record.owner.user, org_of(record.owner), record.visibility,
        folder_of(record), record.slept_at, fade_of(record),
    )  # fmt: skip


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
