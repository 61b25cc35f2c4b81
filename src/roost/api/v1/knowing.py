"""What is known of a session: runs, one message, metrics, todos, who is here, how its host does."""

from typing import Annotated

from litestar import Response, get
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from roost.api.call import Call, encoded
from roost.api.cursors import MAX_CURSOR, cursor
from roost.core.knowing import RunEvents
from roost.model.events import Todo
from roost.model.ids import MessageId, RunId
from roost.model.info import Participant, RunList, SessionMetrics
from roost.model.knowing import LOG_TAIL_BYTES, MAX_LOG_TAIL_BYTES, Diagnostics
from roost.model.messages import Message
from roost.model.record import Run


class TodoList(Struct, frozen=True, kw_only=True):
    todos: tuple[Todo, ...]


class ParticipantList(Struct, frozen=True, kw_only=True):
    participants: list[Participant]


@get("/v1/sessions/{session:str}/runs")
async def list_runs(
    request: Call,
    session: FromPath[str],
    before: Annotated[int | None, QueryParameter(ge=0, le=MAX_CURSOR)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 50,
) -> RunList:
    """The last `limit` runs that began before seq `before`, newest first."""
    found = await request.hub.find(session, request.by)
    return RunList(runs=await request.hub.knowing.runs(found, before, limit))


@get("/v1/sessions/{session:str}/runs/{run:str}")
async def get_run(request: Call, session: FromPath[str], run: FromPath[str]) -> Run:
    """One run, with its input."""
    found = await request.hub.find(session, request.by)
    return await request.hub.knowing.run(found, RunId(run))


@get("/v1/sessions/{session:str}/runs/{run:str}/events")
async def list_run_events(
    request: Call,
    session: FromPath[str],
    run: FromPath[str],
    after: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=5000)] = 500,
) -> RunEvents:
    """Events of one run. Go on with `after`, until `ended`."""
    found = await request.hub.find(session, request.by)
    return await request.hub.knowing.run_events(found, RunId(run), cursor(after), limit)


@get("/v1/sessions/{session:str}/messages/{message:str}", opt={"answer": Message})
async def get_message(request: Call, session: FromPath[str], message: FromPath[str]) -> Response[bytes]:
    """One message with its parts, also while it is being said."""
    found = await request.hub.find(session, request.by)
    return encoded(await request.hub.knowing.message(found, MessageId(message)))


@get("/v1/sessions/{session:str}/metrics")
async def get_metrics(request: Call, session: FromPath[str]) -> SessionMetrics:
    """Messages, steps, tool calls, tokens, cost."""
    found = await request.hub.find(session, request.by)
    return SessionMetrics(session=found.id, seq=found.seq, metrics=found.record_now.metrics)


@get("/v1/sessions/{session:str}/todos")
async def list_todos(request: Call, session: FromPath[str]) -> TodoList:
    """The agent's plan."""
    return TodoList(todos=(await request.hub.find(session, request.by)).record_now.todos)


@get("/v1/sessions/{session:str}/participants")
async def list_participants(
    request: Call, session: FromPath[str], disconnected: FromQuery[bool] = False
) -> ParticipantList:
    """Who is here now: the agent, and every open stream and socket. `disconnected=true`: also the last who left."""
    found = await request.hub.find(session, request.by)
    return ParticipantList(participants=request.hub.participants(found, disconnected=disconnected))


@get("/v1/sessions/{session:str}/diagnostics")
async def get_diagnostics(
    request: Call,
    session: FromPath[str],
    log_bytes: Annotated[int, QueryParameter(ge=0, le=MAX_LOG_TAIL_BYTES)] = LOG_TAIL_BYTES,
    log_after: Annotated[int | None, QueryParameter(ge=0, le=MAX_CURSOR)] = None,
) -> Diagnostics:
    """The end of its host's log (at most `log_bytes`), its host, its last errors. With `log_after`, the `log_end` of
    an answer before: the whole lines that follow there."""
    found = await request.hub.find(session, request.by)
    return await request.hub.knowing.diagnostics(found, log_bytes, log_after)


routes = [
    list_runs,
    get_run,
    list_run_events,
    get_message,
    get_metrics,
    list_todos,
    list_participants,
    get_diagnostics,
]
