"""What the API serves about sessions. Derived from the record and the live link, never stored."""

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from roost.model.activity import ActivityInfo
from roost.model.doing import doing
from roost.model.events import Failure, Kit, McpServer, Origin, Policy, Principal, Rule, Timeouts, WorkspaceSpec
from roost.model.ids import Pos, RunId, Seq, SessionId
from roost.model.initial import InitialRun
from roost.model.lifecycle import Phase, View, view
from roost.model.loops import LoopState
from roost.model.record import Metrics, Pending, Queued, Record, Run
from roost.model.sandbox import Enclosure

VERSION_DIGITS: Final = 16
"""Of the hash that names a configuration."""


class SessionInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session in a list or by itself. Times in milliseconds since the epoch. `status`: idle, busy, compacting or
    error. `view`: the lifecycle as the wire shows it. `activity`: what its agent is at. `seq`: the last event's cursor.
    `capabilities`: what its agent says that it can do, while its host is linked; `kit`: what it was given; `command`:
    what has become of the command in it; `mcp`: its servers of tools, their secrets masked; lists leave these out."""

    session: SessionId
    label: str
    status: str
    phase: str
    view: View
    activity: ActivityInfo | UnsetType = UNSET
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
    driver: str | UnsetType = UNSET
    hidden: bool = False
    run: Run | UnsetType = UNSET
    last_run: Run | UnsetType = UNSET
    pending: int = 0
    queued: int = 0
    queue_held: bool = False
    error: Failure | UnsetType = UNSET
    capabilities: dict[str, Any] = {}
    sandbox: Enclosure | UnsetType = UNSET
    kit: Kit | UnsetType = UNSET
    command: InitialRun | UnsetType = UNSET
    loop: LoopState | UnsetType = UNSET
    origin: Origin | UnsetType = UNSET
    mcp: tuple[McpServer, ...] = ()


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
    """How a session works: what `PATCH config` has set. `granted`: the rules that "always" has made. `version`: names
    all this, as it is; give it as `expect` to change only what you have seen."""

    policy: Policy
    timeouts: Timeouts
    granted: tuple[Rule, ...]
    model: str | UnsetType = UNSET
    options: dict[str, Any] = {}
    version: str = ""


class Ended(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The log's last event has `seq`. `kept`: the path of a folder that was left in place."""

    session: SessionId
    seq: Seq
    kept: str | UnsetType = UNSET


class Deleted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`kept`: the path of a folder that was left in place."""

    session: SessionId
    pos: Pos
    kept: str | UnsetType = UNSET


class SessionCounts(Struct, frozen=True, kw_only=True):
    """How many sessions there are, in all and by what is shown of them."""

    total: int
    statuses: dict[str, int]
    buckets: dict[str, int]


class Participant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is here, or was: by the agent's link, or an open stream or socket. `role`: `lead` (the agent), `controller`
    (may act), `observer` (may watch). `since`, `left`: in ms. Presence is no event; a hub forgets it."""

    id: str
    role: str
    via: str
    user: str
    kind: str
    connected: bool = True
    org: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    since: int | UnsetType = UNSET
    left: int | UnsetType = UNSET


class RunList(Struct, frozen=True, kw_only=True):
    """Newest first; go on with `before`, the `start` of the last. Their input is left out."""

    runs: tuple[Run, ...]


class SessionMetrics(Struct, frozen=True, kw_only=True):
    """Counts over this session's log up to `seq`; sub-sessions count for themselves. `metrics.tool_calls` is the sum of
    `metrics.tool_usage`, failed calls included; tokens and `cost` (US dollars) sum the finished steps."""

    session: SessionId
    seq: Seq
    metrics: Metrics


class Health(Struct, frozen=True, kw_only=True):
    status: str
    version: str


def slept_out(record: Record, now: int, paused: float) -> bool:
    """Whether it sleeps for longer than its `timeouts.paused` (else `paused`, in seconds; 0: never). `now` in ms."""
    wait = paused if record.timeouts.paused is UNSET else record.timeouts.paused
    return record.phase is Phase.PAUSED and wait > 0 and now - record.slept_at >= wait * 1000


def config_of(record: Record) -> SessionConfig:
    """With the version that its content has: the same content is the same version."""
    config = SessionConfig(
        policy=record.policy,
        timeouts=record.timeouts,
        granted=record.granted,
        model=record.model,
        options=record.options,
    )
    content = sha256(msgspec.json.encode(config, order="deterministic"))
    return replace(config, version=content.hexdigest()[:VERSION_DIGITS])


def counts_of(phases: Mapping[str, int]) -> SessionCounts:
    """From the number of sessions by the phase that is shown."""
    statuses: Counter[str] = Counter()
    buckets: Counter[str] = Counter()
    for phase, number in phases.items():
        shown = view(Phase(phase))
        statuses[shown.status] += number
        buckets[shown.bucket] += number
    return SessionCounts(total=sum(phases.values()), statuses=dict(statuses), buckets=dict(buckets))


def info_of(
    record: Record, *, seq: Seq, linked: bool, ready_ms: int, now: int = 0, paused: float = 0.0, detail: bool = True
) -> SessionInfo:
    """The served view of a record at `now` (ms). `linked`: its host's link is up; `paused`: the hub's own
    `timeouts.paused`; `ready_ms`: quiet for longer, it is idle. Lists leave out `task`, `metadata`, `kit` and
    `command`."""
    return SessionInfo(
        session=record.session,
        label=record.label,
        status=record.status,
        phase=record.phase.value,
        view=view(record.phase, mode=record.mode, linked=linked, slept_out=slept_out(record, now, paused)),
        activity=doing(record, linked=linked, now=now, ready_ms=ready_ms),
        agent=record.agent,
        workspace=record.workspace,
        owner=record.owner,
        visibility=record.visibility,
        sandbox=record.enclosure,
        created_at=record.created_at,
        updated_at=record.updated_at,
        seq=seq,
        epoch=record.epoch,
        tags=record.tags,
        metadata=record.metadata if detail else UNSET,
        task=record.task if detail else UNSET,
        model=record.model,
        driver=record.driver,
        hidden=record.hidden,
        run=record.run,
        last_run=record.last_run,
        pending=len(record.pending),
        queued=len(record.queue),
        queue_held=record.queue_held and bool(record.queue),
        error=record.error,
        kit=record.kit if detail and record.kit != Kit() else UNSET,
        command=record.command if detail else UNSET,
        loop=record.loop,
        origin=record.origin,
        mcp=record.mcp if detail else (),
    )


__all__ = [
    "Accepted",
    "Deleted",
    "Health",
    "Metrics",
    "OpenRequest",
    "OpenRequests",
    "PendingList",
    "Queue",
    "SessionConfig",
    "SessionInfo",
    "SessionList",
    "config_of",
    "info_of",
    "slept_out",
]  # fmt: skip
