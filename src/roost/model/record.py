"""The record: everything about a session that is small enough to keep beside its log and fold at every fact.

`fold_record` is pure: record + event = next record. Deltas do not touch it. The conversation is folded in
`conversation.py`, both together in `snapshot.py`, which also sets the two fields that only the conversation knows:
`metrics` and `open_from`.
"""

from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from roost.model import events as e
from roost.model.activity import ActivityInfo, seen_by
from roost.model.envelope import DELTAS, AnyBody, Event, Unknown
from roost.model.errors import IllegalTransition
from roost.model.ids import Epoch, MessageId, RunId, Seq, SessionId
from roost.model.initial import InitialRun, with_news
from roost.model.lifecycle import CLOSES_EPOCH, MOVES_STATE, NEEDS_RUN, NEXT, RUN_STATUS, Phase, RunStatus, step
from roost.model.loops import LoopState, judged, looped
from roost.model.made import Made, with_artifact, with_files
from roost.model.metrics import Metrics
from roost.model.pending import Pending, granting, with_asked, without
from roost.model.sandbox import Enclosure, SandboxSpec
from roost.model.tasks import Task, cut, with_end, with_start


class Queued(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An input that waits: in the queue for its own run, or (a steer) for the open run to read it.

    `said`: its user message is in the conversation already."""

    message: MessageId
    input: tuple[e.InputPart, ...]
    seq: Seq
    at: int
    by: e.Principal | UnsetType = UNSET
    said: bool = False


class Run(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run as the record keeps it: the open one, and the last one that ended. `said`: its user message was in the
    conversation before it began. `input` is kept while the run is open, to be offered again."""

    run: RunId
    status: RunStatus
    start: Seq
    started_at: int
    message: MessageId
    said: bool = False
    input: tuple[e.InputPart, ...] = ()
    by: e.Principal | UnsetType = UNSET
    abort_requested: bool = False
    steers: tuple[Queued, ...] = ()
    end: Seq | UnsetType = UNSET
    ended_at: int | UnsetType = UNSET
    error: e.Failure | UnsetType = UNSET
    result: e.RunResult | UnsetType = UNSET


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session, without its conversation. `state_seq`: the last session, run or people event. `open_from`: where a
    replay must begin to rebuild what of the conversation is still open; absent when nothing is. `idle_at`: when the
    session was last ready without a run; `ready_at`: when its host came; `slept_at`: when it was put to sleep (all in
    ms). `granted`: what "always" has allowed. `settings`: how the agent has said that it is set. `sandbox`: what was
    asked for; `enclosure`: what its last host has put up. `seen`: what the driver has seen the agent at since then."""

    session: SessionId
    phase: Phase
    label: str
    agent: str
    workspace: e.WorkspaceSpec
    owner: e.Principal
    created_at: int
    updated_at: int
    epoch: Epoch = 0
    state_seq: Seq = 0
    starting: Seq = 0
    task: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    mode: str = "sandbox"
    driver: str | UnsetType = UNSET
    runtime: str = "process"
    visibility: str = "private"
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    options: dict[str, Any] = {}
    timeouts: e.Timeouts = e.Timeouts()
    policy: e.Policy = e.Policy()
    kit: e.Kit = e.Kit()
    command: InitialRun | UnsetType = UNSET
    loop: LoopState | UnsetType = UNSET
    origin: e.Origin | UnsetType = UNSET
    granted: tuple[e.Rule, ...] = ()
    sandbox: SandboxSpec = SandboxSpec()
    enclosure: Enclosure | UnsetType = UNSET
    idle_at: int = 0
    ready_at: int = 0
    slept_at: int = 0
    hidden: bool = False
    run: Run | UnsetType = UNSET
    last_run: Run | UnsetType = UNSET
    pending: tuple[Pending, ...] = ()
    queue: tuple[Queued, ...] = ()
    queue_held: bool = False
    todos: tuple[e.Todo, ...] = ()
    tasks: tuple[Task, ...] = ()
    agent_state: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    mcp: tuple[e.McpServer, ...] = ()
    seen: ActivityInfo | UnsetType = UNSET
    made: Made = Made()
    metrics: Metrics = Metrics()
    compacting: bool = False
    pause_requested: bool = False
    error: e.Failure | UnsetType = UNSET
    open_from: Seq | UnsetType = UNSET

    @property
    def status(self) -> str:
        """The handle's status: idle, busy, compacting or error (the last run failed; input is still accepted)."""
        if self.compacting:
            return "compacting"
        if self.run is not UNSET:
            return "busy"
        failed = self.phase is Phase.FAILED or (self.last_run is not UNSET and self.last_run.status is RunStatus.FAILED)
        return "error" if failed else "idle"


def check(record: Record | None, body: AnyBody, run: RunId | UnsetType) -> Phase:
    """The phase after this body. Raises: IllegalTransition: the lifecycle or the open run does not allow it."""
    kind = type(body)
    if record is None:
        return step(None, kind)
    if isinstance(body, Unknown):
        return _unknown(record, body)
    after = step(record.phase, kind)
    if kind in _RUNLESS:
        if record.run is not UNSET and kind in CLOSES_EPOCH:
            raise IllegalTransition(f"{kind.__name__} while run {record.run.run} is open: it must end first")
        return after
    opened = record.run.run if record.run is not UNSET else UNSET
    if kind is e.RunStart:
        if opened is not UNSET:
            raise IllegalTransition(f"run {opened} is open")
    elif (run is not UNSET or kind in NEEDS_RUN) and (run is UNSET or run != opened):
        raise IllegalTransition(f"{kind.__name__} names run {run or 'none'}, open is {opened or 'none'}")
    return after


def _unknown(record: Record, body: Unknown) -> Phase:
    """What this version cannot read changes nothing and is legal wherever something may follow."""
    if not NEXT[record.phase]:
        raise IllegalTransition(f"{body.type} is not legal in phase {record.phase}")
    return record.phase


_RUNLESS: Final[frozenset[type]] = MOVES_STATE - NEEDS_RUN - {e.RunStart, e.PermissionAsked, e.QuestionAsked}
"""State events of the session and answers: whatever run their envelope names, they are legal without it."""


def fold_record(record: Record | None, event: Event) -> Record:
    """The record after this event. Raises: IllegalTransition, PermissionNotFound: the event cannot follow."""
    body = event.body
    phase = check(record, body, event.run)
    if record is None:
        return _created(cast(e.SessionCreated, body), event)
    kind = type(body)
    if kind in DELTAS:
        return record
    fold = _FOLDS.get(kind)
    after = fold(record, body, event) if fold else record
    changes: dict[str, Any] = {"updated_at": event.at}
    if phase is not record.phase:
        changes["phase"] = phase
    if kind in MOVES_STATE:
        changes["state_seq"] = event.seq
    if kind in CLOSES_EPOCH:  # nobody is left who compacts, pauses or waits for an answer
        changes |= {"epoch": record.epoch + 1, "compacting": False, "pause_requested": False, "pending": ()}
        changes["seen"] = UNSET
    return replace(after, **changes)


def fold_records(record: Record | None, events: list[Event]) -> Record:
    for event in events:
        record = fold_record(record, event)
    if record is None:
        raise IllegalTransition("a log begins with session-created")
    return record


def _created(body: e.SessionCreated, event: Event) -> Record:
    return Record(
        session=body.session,
        phase=Phase.CREATING,
        label=body.label,
        agent=body.agent,
        workspace=body.workspace,
        owner=body.owner,
        created_at=event.at,
        updated_at=event.at,
        state_seq=event.seq,
        task=body.task,
        model=body.model,
        mode=body.mode,
        driver=body.driver,
        runtime=body.runtime,
        visibility=body.visibility,
        tags=body.tags,
        metadata={} if body.metadata is UNSET else body.metadata,
        timeouts=e.Timeouts() if body.timeouts is UNSET else body.timeouts,
        policy=e.Policy() if body.policy is UNSET else body.policy,
        kit=e.Kit() if body.kit is UNSET else body.kit,
        sandbox=SandboxSpec() if body.sandbox is UNSET else body.sandbox,
        loop=UNSET if body.loop is UNSET else LoopState(loop=body.loop, updated_at=event.at),
        mcp=body.mcp,
        idle_at=event.at,
    )


def _updated(record: Record, body: e.SessionUpdated, _: Event) -> Record:
    plain = {n: v for n in ("label", "tags", "visibility", "hidden", "kit") if (v := getattr(body, n)) is not UNSET}
    merged = record.metadata if body.metadata is UNSET else record.metadata | body.metadata
    return replace(record, metadata=merged, **plain)


def _configured(record: Record, body: e.ConfigChanged, _: Event) -> Record:
    options = dict(record.options) if body.options is UNSET else record.options | body.options
    if body.mode is not UNSET:
        options["mode"] = body.mode
    plain = {n: v for n in ("model", "timeouts", "policy", "granted") if (v := getattr(body, n)) is not UNSET}
    return replace(record, options=options, **plain)


def _starting(record: Record, body: e.RuntimeStarting, event: Event) -> Record:
    if body.epoch <= record.epoch:
        raise IllegalTransition(f"epoch {body.epoch} is not above {record.epoch}")
    return replace(record, epoch=body.epoch, starting=event.seq, pause_requested=False)


def _run_started(record: Record, body: e.RunStart, event: Event) -> Record:
    run = Run(
        run=cast(RunId, event.run),
        status=RUN_STATUS[e.RunStart],
        start=event.seq,
        started_at=event.at,
        message=body.message,
        said=was_said(record, body.message),
        input=body.input,
        by=event.by,
    )
    waiting = tuple(q for q in record.queue if q.message != body.message)
    from_queue = len(waiting) < len(record.queue)
    held = record.queue_held and bool(waiting) and not from_queue  # who takes from the queue has let it go on
    return replace(record, run=run, queue=waiting, queue_held=held, seen=UNSET)


def was_said(record: Record, message: MessageId) -> bool:
    """Whether this input is in the conversation already: steered into an earlier run, or offered again."""
    again = record.last_run is not UNSET and record.last_run.message == message
    return again or any(q.message == message and q.said for q in record.queue)


def _run_phase(record: Record, body: e.RunPhase, _: Event) -> Record:
    return replace(record, run=replace(cast(Run, record.run), status=RunStatus(body.phase)))


def _steered(record: Record, body: e.Steered, event: Event) -> Record:
    run = cast(Run, record.run)
    steer = Queued(message=body.message, input=body.input, seq=event.seq, at=event.at, by=event.by, said=True)
    return replace(record, run=replace(run, steers=(*run.steers, steer)))


def _queued(record: Record, body: e.Queued, event: Event) -> Record:
    said = was_said(record, body.message)
    entry = Queued(message=body.message, input=body.input, seq=event.seq, at=event.at, by=event.by, said=said)
    return replace(record, queue=(entry, *record.queue) if body.again else (*record.queue, entry))


def _dequeued(record: Record, body: e.Dequeued, _: Event) -> Record:
    if not body.dropped:
        return record  # its run-start, in the same commit, takes it off the queue
    return replace(record, queue=tuple(q for q in record.queue if q.message != body.message))


def _abort_requested(record: Record, _body: e.AbortRequested, _: Event) -> Record:
    return replace(record, run=replace(cast(Run, record.run), abort_requested=True))


def _run_ended(record: Record, body: e.RunComplete | e.RunAborted | e.RunError, event: Event) -> Record:
    run = cast(Run, record.run)
    unread = tuple(steer for steer in run.steers if steer.seq > body.read)
    error = body.error if isinstance(body, e.RunError) else UNSET
    ended = replace(
        run,
        status=RUN_STATUS[type(body)],
        input=(),
        steers=(),
        end=event.seq,
        ended_at=event.at,
        error=error,
        result=body.result if isinstance(body, e.RunComplete) else UNSET,
    )
    holds = isinstance(body, e.RunAborted) or (error is not UNSET and error.code == "interrupted")
    held = False if isinstance(body, e.RunComplete) else (record.queue_held or holds)
    return replace(
        record,
        run=UNSET,
        last_run=ended,
        queue=(*unread, *record.queue),
        queue_held=held,
        tasks=cut(record.tasks, event.at),
        compacting=False,
        idle_at=event.at,
        seen=UNSET,
    )


def _ready(record: Record, body: e.RuntimeReady, event: Event) -> Record:
    return replace(record, enclosure=body.sandbox, idle_at=event.at, ready_at=event.at)


def _closed(record: Record, _body: e.SessionArchived | e.SessionEnded, _: Event) -> Record:
    return replace(record, queue=())


def _asked(record: Record, body: e.PermissionAsked | e.QuestionAsked, event: Event) -> Record:
    return replace(record, pending=with_asked(record.pending, body, event))


def _answered(record: Record, body: e.PermissionReplied | e.QuestionReplied, _: Event) -> Record:
    left = without(record.pending, body)
    return replace(record, pending=left, granted=granting(record.granted, record.pending, body))


_FOLDS: Final[dict[type, Callable[[Record, Any, Event], Record]]] = {
    e.SessionImported: lambda record, body, _event: replace(record, origin=body.origin),
    e.SessionUpdated: _updated,
    e.ConfigChanged: _configured,
    e.RuntimeStarting: _starting,
    e.RuntimeReady: _ready,
    e.RunStart: _run_started,
    e.RunPhase: _run_phase,
    e.Steered: _steered,
    e.Queued: _queued,
    e.Dequeued: _dequeued,
    e.AbortRequested: _abort_requested,
    e.RunComplete: _run_ended,
    e.RunAborted: _run_ended,
    e.RunError: _run_ended,
    e.GoalUpdated: lambda record, body, _event: replace(record, loop=judged(record.loop, body)),
    e.LoopUpdated: lambda record, body, event: replace(record, loop=looped(record.loop, body, event)),
    e.PauseRequested: lambda record, _body, _event: replace(record, pause_requested=True),
    e.SessionPaused: lambda record, _body, event: replace(record, queue_held=True, slept_at=event.at),
    e.SessionResuming: lambda record, _body, _event: replace(record, queue_held=False),
    e.SessionArchived: _closed,
    e.SessionEnded: _closed,
    e.SessionFailed: lambda record, body, _event: replace(record, error=body.error),
    e.PermissionAsked: _asked,
    e.QuestionAsked: _asked,
    e.RequestWithdrawn: lambda record, body, _event: replace(record, pending=without(record.pending, body)),
    e.PermissionReplied: _answered,
    e.QuestionReplied: _answered,
    e.ActivitySeen: lambda record, body, event: replace(record, seen=seen_by(body, event.at)),
    e.AgentState: lambda record, body, _event: replace(record, agent_state=body.state),
    e.CommandUpdated: lambda record, body, event: replace(record, command=with_news(record.command, body, event)),
    e.AgentConfigured: lambda record, body, _event: replace(record, settings=body.settings),
    e.TodosUpdated: lambda record, body, _event: replace(record, todos=body.todos),
    e.SubtaskStart: lambda r, body, ev: replace(r, tasks=with_start(r.tasks, body, ev.at, ev.run)),
    e.SubtaskEnd: lambda r, body, ev: replace(r, tasks=with_end(r.tasks, body, ev.at)),
    e.FilesChanged: lambda record, body, _event: replace(record, made=with_files(record.made, body)),
    e.ArtifactPublished: lambda r, body, ev: replace(r, made=with_artifact(r.made, body, ev.seq, ev.at, ev.run)),
    e.Compacting: lambda record, _body, _event: replace(record, compacting=True),
    e.Compacted: lambda record, _body, _event: replace(record, compacting=False),
}

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


def encode_record(record: Record) -> bytes:
    return _encoder.encode(record)


def decode_record(raw: bytes) -> Record:
    return _decoder.decode(raw)
