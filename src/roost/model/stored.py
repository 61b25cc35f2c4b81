"""What passes between the core and a store: appends, pages, rows, queries."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from roost.model.envelope import Draft, Event
from roost.model.events import Principal
from roost.model.ids import Epoch, MessageId, Pos, RunId, Seq, SessionId
from roost.model.record import Record


class HostWriter(Struct, frozen=True):
    """A host appends: `first` is the producer_seq of the first draft, contiguous per epoch, from 1."""

    epoch: Epoch
    first: int


class KeyClaim(Struct, frozen=True, kw_only=True):
    """An idempotency key: `body_hash` of the request, `outcome` (JSON) of what was accepted."""

    principal: str
    key: str
    body_hash: bytes
    outcome: bytes


class StoredMessage(Struct, frozen=True, kw_only=True):
    """A message as served, encoded. `first` is the seq that opened it: its place in the conversation."""

    id: MessageId
    first: Seq
    data: bytes


class Append(Struct, frozen=True, kw_only=True):
    """All of one commit. `record` and `messages` are what the session row and its messages become with these drafts."""

    session: SessionId
    drafts: Sequence[Draft]
    at: int
    writer: HostWriter | None = None
    expect: Seq | None = None
    record: Record | None = None
    messages: Sequence[StoredMessage] = ()
    claim: KeyClaim | None = None
    env: Mapping[str, str] | None = None


class Appended(Struct, frozen=True):
    """What a commit did: seqs `first`..`head` are new (`first` = head + 1 if all was known), `pos` is the last feed
    position given out, `dropped` how many leading drafts were known already."""

    first: Seq
    head: Seq
    pos: Pos
    dropped: int = 0


class Page(Struct, frozen=True):
    """Events after a cursor, in order. `head`: the last seq there is. `ended`: phase ended and nothing after these."""

    events: list[Event]
    head: Seq
    ended: bool


class StoredSession(Struct, frozen=True, kw_only=True):
    """A session row. `produced`: the last producer_seq of the present epoch. `env` is secret: never serve it."""

    record: Record
    head: Seq
    first: Seq
    produced: int
    env: dict[str, str]
    token_hash: bytes | None = None


class SessionQuery(Struct, frozen=True, kw_only=True):
    """Which sessions to list. Unset filters match everything. Newest first by `order`, ties broken by id.

    `phases`: as the log has them. `of_live`: of those in a phase that has a host, only these. `statuses`, `buckets`: as
    the wire shows them at the time `at` (ms; 0: nothing has slept out), where `fade_ms` is for how long a session
    without a timeout of its own may sleep (0: for ever). `include_archived` goes by what is shown, too. `visible_to`:
    only what this principal may see; None sees all. `tags`: all of them. `folder`: the project folder, or one above it.
    Of times the first is in, the last is not. `search`: a substring of label, task, or a key or value of the metadata,
    whatever its case.
    """

    search: str | None = None
    phases: frozenset[str] | None = None
    of_live: frozenset[SessionId] | None = None
    statuses: frozenset[str] | None = None
    buckets: frozenset[str] | None = None
    at: int = 0
    fade_ms: int = 0
    tags: frozenset[str] = frozenset()
    agent: str | None = None
    folder: str | None = None
    owner: str | None = None
    visibility: str | None = None
    visible_to: Principal | None = None
    created_from: int | None = None
    created_before: int | None = None
    updated_from: int | None = None
    updated_before: int | None = None
    hidden: bool | None = None
    include_hidden: bool = False
    include_archived: bool = True
    order: Literal["created", "updated"] = "created"
    offset: int = 0
    limit: int | None = None


class SessionPage(Struct, frozen=True):
    rows: list[StoredSession]
    total: int


class StoredRun(Struct, frozen=True, kw_only=True):
    """A run by the events that began and ended it; `end` is None while it is open."""

    start: Event
    end: Event | None = None


class AuditEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person or program did: the event `action` of a `session` (at `seq`, unless it is deleted), or what
    befell an API key or something in the library (`details` say which)."""

    pos: Pos
    at: int
    by: Principal
    action: str
    session: SessionId | UnsetType = UNSET
    seq: Seq | UnsetType = UNSET
    run: RunId | UnsetType = UNSET
    details: dict[str, Any] | UnsetType = UNSET


class FeedEntry(Struct, frozen=True, kw_only=True):
    """One fact of the hub feed. `event` is absent for `session-deleted`; its `fact` says by whom and what was kept."""

    pos: Pos
    session: SessionId
    event: Event | UnsetType = UNSET
    fact: dict[str, Any] | UnsetType = UNSET


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key as stored: never the key itself. `id` is public, `hash` is SHA-256 of the key. `scope`: what may be done
    with it (model/access.py)."""

    id: str
    hash: bytes
    principal: Principal
    created_at: int
    revoked_at: int | None = None
    scope: Literal["observer", "controller", "admin"] = "admin"
    label: str = ""
    expires_at: int | None = None


class Deed(Struct, frozen=True, kw_only=True):
    """What was done to a key or to something in the library (kept in the same commit), or to the hub, for the audit."""

    action: str
    by: Principal
    at: int
    details: dict[str, Any]


class Item(Struct, frozen=True, kw_only=True):
    """Something in the library (model/library.py), as `data`. `name`: no two of a kind have the same. `of`: the item it
    belongs to and goes with. `revision`: counts its changes, from 1."""

    kind: str
    id: str
    name: str
    owner: Principal
    created_at: int
    updated_at: int
    data: bytes
    visibility: Literal["private", "organization"] = "private"
    of: str = ""
    revision: int = 1
