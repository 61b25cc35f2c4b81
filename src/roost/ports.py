"""The seams: what the hub and the host need from the outside, as Protocols. No code, only promises."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from roost.model import events as e
from roost.model import stored as s
from roost.model.commands import WorkspaceRequest
from roost.model.ids import Epoch, MessageId, Pos, RunId, Seq, SessionId
from roost.model.library import Dependencies

# --- storage ----------------------------------------------------------------------------------------------------------


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
        the library."""
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


# --- waking and time --------------------------------------------------------------------------------------------------


class Signal(Protocol):
    """One ticket of a bell: `wait` returns once the bell has rung after the ticket was taken."""

    async def wait(self) -> object: ...


class Bell(Protocol):
    """Says "look again" and nothing else. Take a ticket before reading, wait on it after."""

    def ticket(self, topic: str) -> Signal: ...

    def ring(self, topic: str) -> None: ...


class Clock(Protocol):
    """Time as the hub sees it. `now_ms` is for people; deadlines use `monotonic` (seconds)."""

    def now_ms(self) -> int: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


# --- where hosts run --------------------------------------------------------------------------------------------------


class Ticket(Struct, frozen=True, kw_only=True):
    """All a host needs to start, handed over by inherited descriptor: it holds the token and the session's env."""

    session: SessionId
    epoch: Epoch
    token: str
    data: str
    agent: str
    workspace: e.WorkspaceSpec
    env: dict[str, str]
    settings: dict[str, Any]
    model: str | None = None
    options: dict[str, Any] = {}


class Runtime(Protocol):
    """Starts, finds and kills hosts."""

    async def start(self, ticket: Ticket) -> None:
        """Start the host that this ticket is for. Returns when its process exists. Raises: StartFailed."""
        ...

    async def kill(self, session: SessionId) -> None:
        """Kill every process of this session's hosts, whatever their epoch, as trees; returns when they are gone."""
        ...

    async def alive(self, session: SessionId, epoch: Epoch) -> bool:
        """Whether the host of this epoch is known to run (pid and start time match). A stopped process runs."""
        ...


class Workspaces(Protocol):
    """The folders sessions work in."""

    def resolve(self, session: SessionId, request: WorkspaceRequest) -> e.WorkspaceSpec:
        """Check what can be checked at once, settle `auto`, fill in `root` (where Roost makes the folder) and `branch`.
        Raises: WorkspaceInvalid."""
        ...

    async def prepare(
        self, spec: e.WorkspaceSpec, env: Mapping[str, str], tell: Callable[[e.WorkspaceUpdated], None]
    ) -> Path:
        """Make the folder if it is not there; redo a half-made one. `env`: the session's, for credentials; `tell` hears
        how far a clone is. Raises: WorkspaceInvalid: nothing half made is left."""
        ...

    async def dirty(self, spec: e.WorkspaceSpec) -> bool:
        """Whether the folder Roost made holds uncommitted or untracked work. False for plain folders."""
        ...

    async def remove(self, spec: e.WorkspaceSpec) -> None:
        """Remove the folder Roost made; keeps its branch; leaves plain folders alone."""
        ...


class Preparer(Protocol):
    """Makes the folders that sessions of a template begin with; knows what could be installed on this machine."""

    async def make(self, folder: Path, repos: Sequence[Mapping[str, Any]], script: str) -> None:
        """Clone the first repository to this folder, each other one to a folder of its name in it, then run the script
        there. What it prints is kept beside the folder, in `<folder>.log`. Nothing that it started goes on.

        Raises: WorkspaceInvalid: with the end of what was printed; nothing half made is left. Cancelled, too."""
        ...

    async def clear(self, folder: Path) -> None:
        """Kill what was started for this folder, and remove it."""
        ...

    async def tidy(self, place: Path, needed: Collection[str]) -> None:
        """Clear all folders there that are not needed."""
        ...

    async def packages(self, wanted: Sequence[str]) -> Dependencies:
        """Which of these Debian packages, `name` or `name=version`, there are. Raises: TimedOut."""
        ...


# --- agents -----------------------------------------------------------------------------------------------------------


class Process(Protocol):
    """A running command in its own process group."""

    pid: int

    def output(self) -> AsyncIterator[bytes]:
        """Standard output and error, together, as they come."""
        ...

    async def wait(self) -> int:
        """The exit code; negative: the signal that killed it."""
        ...

    async def kill(self) -> None:
        """Kill the whole tree; returns when it is gone."""
        ...


class Turn(Protocol):
    """What a driver is given for one run. All events it emits belong to this run, in the order of the calls."""

    run: RunId
    input: tuple[e.InputPart, ...]
    workspace: Path
    env: Mapping[str, str]

    async def emit(self, *bodies: e.Body | bytes) -> None:
        """Hand over events. First delta of a part leaves at once, later ones are coalesced (25 ms or 1 KiB). Ready-made
        JSON bytes are kept as they are and never coalesced. Does not wait for the hub. Raises: SpoolFull."""
        ...

    async def drained(self, below: int) -> None:
        """Wait until fewer than `below` events are unacknowledged."""
        ...

    async def ask(self, asked: e.PermissionAsked) -> e.PermissionReplied:
        """Emit the request and wait for its reply, however long, over reconnects."""
        ...

    async def ask_question(self, *questions: e.Question) -> e.QuestionReplied: ...

    async def spawn(self, command: Sequence[str] | str, *, cwd: Path | None = None) -> Process:
        """Start a command (a string goes to the shell) in its own group, registered with the host's tree."""
        ...

    async def keep(self, content: bytes | Path, mime: str) -> e.Blob:
        """Have the hub keep this, or a file of the workspace, for as long as the session exists, so that an event may
        refer to it. Raises: BodyTooLarge, StorageFull, FileMissing, NotAFile, PathOutside."""
        ...

    async def fetch(self, part: e.FileInput) -> bytes:
        """The content of a file that was given with an input. Raises: BlobNotFound, InvalidBody."""
        ...

    def steered(self) -> Sequence[tuple[e.InputPart, ...]]:
        """Inputs that joined the run since the last call; calling it counts them as read."""
        ...


class Driver(Protocol):
    """Translates one kind of agent to our events and our commands to it. One per host; lives as long as it."""

    async def start(self, workspace: Path, env: Mapping[str, str], options: Mapping[str, Any]) -> dict[str, Any]:
        """Get ready; returns what the agent can do, at most 16 KiB as JSON. `options`: `model`, `mode` and whatever
        else is configured. Raises: StartFailed; it may be tried again."""
        ...

    async def configure(self, changed: e.ConfigChanged) -> None:
        """Somebody has changed `model`, `mode` or `options`: in the order of the log, each before any run that was
        started later, and also while one goes on. What `start` was given may come again."""
        ...

    async def run(self, turn: Turn) -> e.RunResult:
        """Carry out one run. The host writes the run's end: `run-complete` with what is returned, `run-error` for an
        exception (a RoostError keeps its code), `run-aborted` after an abort."""
        ...

    async def abort(self) -> None:
        """Ask the agent to stop its run; the host cancels `run` if that takes longer than 2 s."""
        ...

    async def close(self) -> None: ...
