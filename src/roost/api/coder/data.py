"""What is known of one session: its conversation, who is here, its loop, its plan."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

from litestar import get
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, UnsetType

from roost.api.call import Call
from roost.api.coder.entries import Entry, conversation_of
from roost.api.coder.shapes import LoopShape, Shape, WorkflowMode
from roost.api.coder.times import iso
from roost.api.coder.views import TRANSPORTS, loop_of, workflow_of
from roost.model.info import Participant
from roost.model.record import Record

T = TypeVar("T")
MAX_INT: Final = 2**53 - 1
Limit = Annotated[int | None, QueryParameter(ge=0, le=MAX_INT)]
Offset = Annotated[int, QueryParameter(ge=0, le=MAX_INT)]
TODO_STATUS: Final = {"pending": "open", "in_progress": "in_progress", "completed": "done", "cancelled": "cancelled"}
"""Their word for how an item of the plan stands. They know one more, `closed`, which no plan of ours has."""
TERMINAL: Final = frozenset(("done", "closed", "cancelled"))


class SourceCounts(Shape, frozen=True, kw_only=True):
    durable_stream: int
    session_entries: int
    event_history: int


class Replay(Shape, frozen=True, kw_only=True):
    """The conversation. `source_counts`: how many entries there are in all."""

    session_id: str
    entries_source: Literal["session_entries", "none"]
    source_counts: SourceCounts
    entries: Sequence[Entry]


class ParticipantShape(Shape, frozen=True, kw_only=True):
    id: str
    role: str
    transport: str
    connected_at: str
    agent_role: str | UnsetType = UNSET
    disconnected_at: str | UnsetType = UNSET
    last_activity_at: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class Participants(Shape, frozen=True, kw_only=True):
    session_id: str
    participants: Sequence[ParticipantShape]


class LoopAnswer(Shape, frozen=True, kw_only=True):
    """`loop` is null in standard mode: one of the few places where the wire wants that."""

    session_id: str
    workflow_mode: WorkflowMode
    loop: LoopShape | None


class TodoShape(Shape, frozen=True, kw_only=True):
    id: str
    title: str
    status: str
    priority: str


class TodoSummary(Shape, frozen=True, kw_only=True, rename=None):
    open: int = 0
    in_progress: int = 0
    done: int = 0
    closed: int = 0
    cancelled: int = 0


class Todos(Shape, frozen=True, kw_only=True):
    """`count`: of the todos in this answer; `summary`: of all there are."""

    session_id: str
    count: int
    summary: TodoSummary
    todos: Sequence[TodoShape]
    ok: bool = True
    op: str = "session_todo_list"


@get("/api/hub/session/{session:str}/replay")
async def replay_coder_session(
    request: Call, session: FromPath[str], limit: Limit = None, offset: Offset = 0
) -> Replay:
    """The conversation as entries, oldest first, also of what sleeps or is archived. Without `limit`: all."""
    found = await request.hub.find(session, request.by)
    entries = await conversation_of(request.hub, found)
    return Replay(
        session_id=found.id,
        entries_source="session_entries" if entries else "none",
        source_counts=SourceCounts(durable_stream=0, session_entries=len(entries), event_history=0),
        entries=_page(entries, limit, offset),
    )


@get("/api/hub/session/{session:str}/participants")
async def list_coder_participants(
    request: Call,
    session: FromPath[str],
    limit: Limit = None,
    offset: Offset = 0,
    disconnected: Annotated[bool, QueryParameter(name="includeDisconnected")] = False,
) -> Participants:
    """Who is here, the agent first; with `includeDisconnected` also who left."""
    found = await request.hub.find(session, request.by)
    here = request.hub.participants(found, disconnected=disconnected)
    record = found.record_now
    shown = [_participant(one, record) for one in here if one.connected or disconnected]
    return Participants(session_id=found.id, participants=_page(shown, limit, offset))


@get("/api/hub/session/{session:str}/loop")
async def get_coder_loop(request: Call, session: FromPath[str]) -> LoopAnswer:
    """The loop over runs, of a session that has one."""
    found = await request.hub.find(session, request.by)
    record = found.record_now
    return LoopAnswer(session_id=found.id, workflow_mode=workflow_of(record), loop=loop_of(record))


@get("/api/hub/session/{session:str}/todos")
async def list_coder_todos(
    request: Call,
    session: FromPath[str],
    limit: Limit = None,
    terminal: Annotated[bool, QueryParameter(name="includeTerminal")] = True,
    sync: Annotated[bool, QueryParameter(name="includeSync")] = True,
) -> Todos:
    """The agent's plan; with `includeTerminal=false` without what is over. There is nothing to sync with."""
    found = await request.hub.find(session, request.by)
    todos = [
        TodoShape(id=todo.id, title=todo.content, status=TODO_STATUS[todo.status], priority=todo.priority)
        for todo in found.record_now.todos
    ]
    shown = _page([todo for todo in todos if terminal or todo.status not in TERMINAL], limit, 0)
    counts = {status: sum(todo.status == status for todo in todos) for status in TodoSummary.__struct_fields__}
    return Todos(session_id=found.id, count=len(shown), summary=TodoSummary(**counts), todos=shown)


def _page(found: Sequence[T], limit: int | None, offset: int) -> Sequence[T]:
    return found[offset : None if limit is None else offset + limit]


def _participant(one: Participant, record: Record) -> ParticipantShape:
    """The agent is here since its host came until it sleeps, and was last active when its session was."""
    lead = one.role == "lead"
    since = one.since if one.since is not UNSET else record.created_at
    left = record.slept_at or record.updated_at if lead and not one.connected else one.left
    return ParticipantShape(
        id=one.id,
        role=one.role,
        transport=TRANSPORTS.get(one.via, "ws"),
        connected_at=iso(since),
        agent_role=record.agent if lead else UNSET,
        disconnected_at=UNSET if left is UNSET else iso(left),
        last_activity_at=iso(record.updated_at) if lead else UNSET,
        metadata=UNSET if lead else {"userId": one.user, "kind": one.kind},
    )


routes = [replay_coder_session, list_coder_participants, get_coder_loop, list_coder_todos]
