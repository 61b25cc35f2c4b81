"""Where sessions are kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from roost.model import events as e
from roost.model import stored as s
from roost.model.ids import MessageId, Pos, RunId, Seq, SessionId


class Store(Protocol):
    """Durable sessions. Every method is atomic; a cancelled call did all or nothing. After `append` returns, its events
    survive the death of process and machine.

    All methods may raise StorageUnavailable or StorageFull, and then changed nothing.
    """

    async def create(self, append: s.Append) -> s.Appended:
        """A new session with its first events. Needs `record`. Raises: StateConflict: the id is taken;
        IdempotencyMismatch: see append."""
        ...

    async def append(self, append: s.Append) -> s.Appended:
        """Commit all drafts or none, with session row, messages and idempotency record.

        A host's known prefix (producer_seq already stored in this epoch) is dropped. The row's epoch is that of
        `record`; when it rises, `produced` starts again at 0.
        Raises: SessionNotFound; StaleEpoch (details `epoch`); ProducerGap (details `expected`); StateConflict: `expect`
        is not the present state_seq (details `state_seq`), or the claim's key is taken with the same body hash
        (details `claimed=True`: read it with `find_claim`); IdempotencyMismatch: taken with another hash.
        """
        ...

    async def read(self, session: SessionId, *, after: Seq = 0, limit: int = 500, max_bytes: int = 262_144) -> s.Page:
        """Events with seq > after, at most `limit`, and about `max_bytes` of bodies (at least one event if any).

        Raises: SessionNotFound; CursorAhead (details `head`); CursorTrimmed (details `first`): events after the cursor
        are not kept any more.
        """
        ...

    async def trim(self, session: SessionId, *, before: Seq) -> None:
        """Forget events with seq < before. Raises: SessionNotFound; CursorAhead: before > head + 1."""
        ...

    async def get(self, session: SessionId) -> s.StoredSession:
        """Raises: SessionNotFound."""
        ...

    async def list(self, query: s.SessionQuery) -> s.SessionPage: ...

    async def counts(self, query: s.SessionQuery) -> Mapping[str, int]:
        """How many match, by the phase that is shown (`storage.finding.shown`). Order and page do not count."""
        ...

    async def delete(self, session: SessionId, *, by: e.Principal | None, at: int, kept: str | None = None) -> Pos:
        """Remove the session and everything of it; leaves the feed-only fact `session-deleted`, whose pos is returned.
        Raises: SessionNotFound."""
        ...

    async def messages(
        self, session: SessionId, *, before: Seq | None = None, limit: int = 50
    ) -> Sequence[s.StoredMessage]:
        """The last `limit` messages whose `first` < before, oldest first. Raises: SessionNotFound."""
        ...

    async def message(self, session: SessionId, message: MessageId) -> s.StoredMessage | None:
        """Raises: SessionNotFound."""
        ...

    async def runs(self, session: SessionId, *, before: Seq | None = None, limit: int = 50) -> Sequence[s.StoredRun]:
        """The last `limit` runs that began before a seq, newest first, as far as the log is kept. Raises:
        SessionNotFound."""
        ...

    async def run(self, session: SessionId, run: RunId) -> s.StoredRun | None:
        """Raises: SessionNotFound."""
        ...

    async def save_checkpoint(self, session: SessionId, seq: Seq, data: bytes) -> None:
        """Keep `data`, the fold of the log up to seq; replaces an older one. Raises: SessionNotFound."""
        ...

    async def load_checkpoint(self, session: SessionId) -> tuple[Seq, bytes] | None:
        """Raises: SessionNotFound."""
        ...

    async def set_token(self, session: SessionId, token_hash: bytes) -> None:
        """The link token of the session's present host, hashed. Raises: SessionNotFound."""
        ...

    async def find_claim(self, principal: str, key: str, *, at: int) -> s.KeyClaim | None:
        """The claim made within the 24 hours before `at`; older ones are forgotten."""
        ...

    async def feed(self, *, after: Pos = 0, limit: int = 500) -> Sequence[s.FeedEntry]:
        """Facts of all sessions with pos > after, in commit order; deltas are left out."""
        ...

    async def feed_head(self) -> Pos: ...

    async def audit(self, *, after: Pos = 0, limit: int = 500) -> Sequence[s.AuditEntry]:
        """What people and programs did, with pos > after, in commit order: sessions that exist, deletions, keys,
        the library, the hub."""
        ...

    async def note(self, deed: s.Deed) -> None:
        """Keep in the audit what was done to the hub as a whole."""
        ...

    async def put_key(self, key: s.ApiKey, deed: s.Deed | None = None) -> None:
        """Keep a key, or what has become of it, and what the audit says of it."""
        ...

    async def keys(self) -> Sequence[s.ApiKey]: ...

    async def put_items(self, *items: s.Item, deed: s.Deed | None = None) -> None:
        """Keep things of the library, all or none. Raises: StateConflict: one has changed since it was read (its
        revision is not the next); NameTaken: another one of its kind has its name; LibraryFull: it is new, and there
        are `rules.MAX_ITEMS` of its kind of this organisation, or of what it belongs to."""
        ...

    async def item(self, kind: str, item: str) -> s.Item | None: ...

    async def items(
        self, kind: str, *, visible_to: e.Principal | None = None, of: str | None = None
    ) -> Sequence[s.Item]:
        """Oldest first. None: everybody's; whatever they belong to."""
        ...

    async def drop_item(self, kind: str, item: str, deed: s.Deed | None = None) -> None:
        """Forget it and what belongs to it; nothing happens if it is not there."""
        ...

    async def copy(self, path: Path) -> None:
        """The whole store as of one moment, in a new file; nobody waits for it. Raises: StorageUnavailable also: this
        store has no file."""
        ...

    async def close(self) -> None: ...
