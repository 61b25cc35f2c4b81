"""What the API serves about sessions. Derived from the record and the live link, never stored."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from roost.model.events import Failure, Policy, Principal, Rule, Timeouts, WorkspaceSpec
from roost.model.ids import Pos, RunId, Seq, SessionId
from roost.model.lifecycle import Phase, View, view
from roost.model.record import Metrics, Pending, Queued, Record, Run


class SessionInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session in a list or by itself. Times in milliseconds since the epoch. `status`: idle, busy, compacting or
    error. `view`: the lifecycle as the wire shows it. `seq`: the last event's cursor."""

    session: SessionId
    label: str
    status: str
    phase: str
    view: View
    agent: str
    workspace: WorkspaceSpec
    owner: Principal
    visibility: str
    created_at: int
    updated_at: int
    seq: Seq
    epoch: int
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | UnsetType = UNSET
    task: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    hidden: bool = False
    run: Run | UnsetType = UNSET
    last_run: Run | UnsetType = UNSET
    pending: int = 0
    queued: int = 0
    queue_held: bool = False
    error: Failure | UnsetType = UNSET


class SessionList(Struct, frozen=True, kw_only=True):
    """One page of a list; `total` counts all that match."""

    sessions: list[SessionInfo]
    total: int


class Accepted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command was recorded: its last event has `seq`; `run` is the run it made or belongs to."""

    session: SessionId
    seq: Seq
    run: RunId | UnsetType = UNSET


class PendingList(Struct, frozen=True, kw_only=True):
    pending: tuple[Pending, ...]


class OpenRequest(Struct, frozen=True, kw_only=True):
    """A request that waits for a person, and the session it belongs to."""

    session: SessionId
    label: str
    request: Pending


class OpenRequests(Struct, frozen=True, kw_only=True):
    """Requests of all sessions, the oldest first."""

    pending: list[OpenRequest]


class Queue(Struct, frozen=True, kw_only=True):
    """Inputs that wait, in their order. `held`: they wait until the session is resumed or a run completes."""

    queue: tuple[Queued, ...]
    held: bool


class SessionConfig(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a session works: what `PATCH config` has set. `granted`: the rules that "always" has made."""

    policy: Policy
    timeouts: Timeouts
    granted: tuple[Rule, ...]
    model: str | UnsetType = UNSET
    options: dict[str, Any] = {}


class Deleted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`kept`: the path of a folder that was left in place."""

    session: SessionId
    pos: Pos
    kept: str | UnsetType = UNSET


class Health(Struct, frozen=True, kw_only=True):
    status: str
    version: str


def slept_out(record: Record, now: int, paused: float) -> bool:
    """Whether it sleeps for longer than its `timeouts.paused` (else `paused`, in seconds; 0: never). `now` in ms."""
    wait = paused if record.timeouts.paused is UNSET else record.timeouts.paused
    return record.phase is Phase.PAUSED and wait > 0 and now - record.slept_at >= wait * 1000


def config_of(record: Record) -> SessionConfig:
    return SessionConfig(
        policy=record.policy,
        timeouts=record.timeouts,
        granted=record.granted,
        model=record.model,
        options=record.options,
    )


def info_of(
    record: Record, *, seq: Seq, linked: bool, now: int = 0, paused: float = 0.0, detail: bool = True
) -> SessionInfo:
    """The served view of a record at `now` (ms). `linked`: its host's link is up; `paused`: the hub's own
    `timeouts.paused`. Lists leave out `task` and `metadata`."""
    return SessionInfo(
        session=record.session,
        label=record.label,
        status=record.status,
        phase=record.phase.value,
        view=view(record.phase, mode=record.mode, linked=linked, slept_out=slept_out(record, now, paused)),
        agent=record.agent,
        workspace=record.workspace,
        owner=record.owner,
        visibility=record.visibility,
        created_at=record.created_at,
        updated_at=record.updated_at,
        seq=seq,
        epoch=record.epoch,
        tags=record.tags,
        metadata=record.metadata if detail else UNSET,
        task=record.task if detail else UNSET,
        model=record.model,
        hidden=record.hidden,
        run=record.run,
        last_run=record.last_run,
        pending=len(record.pending),
        queued=len(record.queue),
        queue_held=record.queue_held and bool(record.queue),
        error=record.error,
    )


__all__ = [
    "Accepted", "Deleted", "Health", "Metrics", "PendingList", "Queue", "SessionConfig", "SessionInfo", "SessionList",
    "OpenRequest", "OpenRequests", "config_of", "info_of", "slept_out",
]  # fmt: skip
