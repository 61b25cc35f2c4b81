"""Sessions as Coder's clients see them: a view of the record and the live link (PROTOCOL.md, "The Coder view")."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from roost.api.coder import initial, shapes
from roost.api.coder.activity import activity_of, stream_of, tasks_of
from roost.api.coder.built import builder_of
from roost.api.coder.times import iso
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model import access
from roost.model import events as e
from roost.model.errors import SessionArchived
from roost.model.ids import Seq
from roost.model.info import Participant
from roost.model.record import Record
from roost.model.sandbox import granted

TRANSPORTS: Final = {"sse": "sse"}
"""How somebody is connected, by our word for it. All else is a WebSocket, a host's link too."""


def item_of(hub: Hub, by: e.Principal, record: Record, seq: Seq) -> shapes.ListItem:
    """A session as this principal sees it in a list: what is long of it is in its detail."""
    here = hub.presence.of(record.session)
    kit, loop = record.kit, loop_of(record)
    return shapes.ListItem(
        **asdict(flags_of(hub, by, record, seq)),
        session_id=record.session,
        label=record.label,
        mode=record.mode,
        visibility=record.visibility,
        workflow_mode=workflow_of(record),
        created_at=iso(record.created_at),
        last_activity_at=iso(record.updated_at),
        task_count=len(record.tasks),
        sub_agent_count=sum(task.status == "running" for task in record.tasks),
        observer_count=sum(one.role == "observer" for one in here),
        participant_count=len(here) + hub.linked(record),
        tags=record.tags,
        skills=skills_of(kit.skills, whole=False),
        enabled_agents=kit.enabled_agents,
        manage_available=access.is_owner(record.owner, by),
        owner=shapes.Owner(user_id=record.owner.user),
        default_agent=kit.default_agent,
        repo=kit.repos[0] if kit.repos else UNSET,
        repos=kit.repos or UNSET,
        workspace=_workspace(kit.template),
        loop_status=UNSET if loop is None else loop.status,
        loop_iteration=UNSET if loop is None else loop.iteration,
        session_kind=UNSET if kit.builder is UNSET else "agent_builder",
        builder=builder_of(kit.builder, whole=False),
    )


async def detail_of(hub: Hub, by: e.Principal, session: Session) -> shapes.Detail:
    """A session by itself, at its last committed event."""
    snapshot = await session.snapshot()
    record = snapshot.record
    loop = loop_of(record)
    item: dict[str, Any] = asdict(item_of(hub, by, record, snapshot.seq))
    builder = builder_of(record.kit.builder, whole=True)
    whole: dict[str, Any] = {"builder": builder, "skills": skills_of(record.kit.skills)}
    return shapes.Detail(
        **(item | whole),
        participants=[here_of(one, record) for one in hub.participants(session) if one.connected],
        tasks=tasks_of(record),
        agent_activity=activity_of(snapshot),
        stream=stream_of(snapshot),
        context=_context(record.workspace),
        usage=_usage(record),
        metadata=record.metadata,
        updated_at=iso(record.updated_at),
        task=record.task,
        loop=UNSET if loop is None else loop,
        error=_error(record),
        diagnostics=diagnostics_of(record),
    )


def flags_of(hub: Hub, by: e.Principal, record: Record, seq: Seq) -> shapes.Flags:
    """Status, bucket and flags: those of the lifecycle table, but that control is for those who may act."""
    view = hub.info(record, seq).view
    return shapes.Flags(
        status=view.status,
        bucket=view.bucket,
        runtime_available=view.runtime_available,
        control_available=view.control_available and hub.may_act(record, by),
        wake_available=view.wake_available,
        history_only=view.history_only,
        live_expected=view.live_expected,
    )


def check_not_history(hub: Hub, session: Session) -> None:
    """Raises: SessionArchived: it is shown as history, so nothing may wake it, though a longer sleep alone ended it."""
    if hub.info(session.record_now, session.seq).view.history_only:
        raise SessionArchived("The session is history: it can be read, but not woken or written to.")


def here_of(one: Participant, record: Record) -> shapes.Here:
    """Somebody who is here. The agent is here since its host came, and idle between runs."""
    lead = one.role == "lead"
    return shapes.Here(
        id=one.id,
        role=one.role,
        transport=TRANSPORTS.get(one.via, "ws"),
        connected_at=iso(one.since if one.since is not UNSET else record.ready_at or record.created_at),
        idle=record.run is UNSET if lead else UNSET,
    )


def skills_of(skills: Sequence[e.Skill], *, whole: bool = True) -> tuple[shapes.SkillRef, ...]:
    """Skills, with their texts if `whole`."""
    return tuple(
        shapes.SkillRef(skill_id=s.skill, repo=s.repo, name=s.name, url=s.url, content=s.content if whole else UNSET)
        for s in skills
    )


def workflow_of(record: Record) -> shapes.WorkflowMode:
    """A loop that is idle is none: the session has left it."""
    return "standard" if record.loop is UNSET or record.loop.status == "idle" else "loop"


def loop_of(record: Record) -> shapes.LoopShape | None:
    """The loop over runs; None for a session without one."""
    state = record.loop
    if state is UNSET or workflow_of(record) == "standard":
        return None
    return shapes.LoopShape(
        status=state.status,
        iteration=state.iteration,
        max_iterations=state.loop.max_iterations,
        goal=state.loop.goal,
        summary=state.summary,
        next_action=state.next_action,
        loop_id=state.id,
        started_at=state.started_at,
        updated_at=state.updated_at,
        completed_at=state.completed_at,
        last_checkpoint_at=state.checkpoint_at,
        auto_continue=state.loop.auto_continue,
        allow_detached=state.loop.allow_detached,
    )


def diagnostics_of(record: Record) -> dict[str, Any] | UnsetType:
    """`unapplied`: what was asked of the runtime and is not in force: a sandbox limits memory, cpu and network.
    Repositories are not cloned into a folder that the session did not get of Roost. `command`: what has become of the
    initial one."""
    wished = {} if record.kit.wishes is UNSET else record.kit.wishes
    wishes = sorted(name for name in wished if not granted(name, wished, record.enclosure))
    others = range(1 + len(record.workspace.others), len(record.kit.repos))
    unapplied = [*wishes, *(f"repos[{number}]" for number in others)]
    found: dict[str, Any] = {"unapplied": unapplied} if unapplied else {}
    if record.command is not UNSET:
        found["command"] = initial.shown(record.command)
    return found or UNSET


def _error(record: Record) -> dict[str, Any] | UnsetType:
    """Why it could not start, or between two runs, why the last one failed."""
    error = record.error
    if error is UNSET and record.run is UNSET and record.last_run is not UNSET:
        error = record.last_run.error
    return UNSET if error is UNSET else {"code": error.code, "message": error.message}


def _workspace(template: e.Template | UnsetType) -> shapes.WorkspaceRef | UnsetType:
    if template is UNSET:
        return UNSET
    return shapes.WorkspaceRef(id=template.id, name=template.name, scope=template.scope)


def _context(workspace: e.WorkspaceSpec) -> shapes.Context:
    folder = workspace.path if workspace.root is UNSET else workspace.root
    return shapes.Context(branch=workspace.branch, working_directory=folder)


def _usage(record: Record) -> shapes.Usage:
    tokens = record.metrics.tokens
    return shapes.Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        reasoning_tokens=tokens.reasoning,
        cost_usd=record.metrics.cost,
        updated_at=iso(record.updated_at),
    )
