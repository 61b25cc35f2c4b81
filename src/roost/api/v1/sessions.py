"""Sessions: made, listed, changed, deleted."""

from typing import Annotated, Final, Literal

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from roost.api.call import RECORDED, Call
from roost.model.commands import CreateSession, Update
from roost.model.info import Deleted, SessionInfo, SessionList
from roost.model.lifecycle import Phase
from roost.model.stored import SessionQuery

MAX_INT: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps."""


@post("/v1/sessions", opt=RECORDED)
async def create_session(request: Call, data: JSONBody[CreateSession]) -> SessionInfo:
    """Create a session. With a task its first run starts at once; its host starts in the background."""
    session = await request.hub.create_session(data, request.by, request.key)
    return session.info()


@get("/v1/sessions")
async def list_sessions(
    request: Call,
    phase: FromQuery[list[Phase] | None] = None,
    agent: FromQuery[str | None] = None,
    hidden: FromQuery[bool] = False,
    archived: FromQuery[bool] = True,
    order: FromQuery[Literal["created", "updated"]] = "created",
    offset: Annotated[int, QueryParameter(ge=0, le=MAX_INT)] = 0,
    limit: Annotated[int | None, QueryParameter(ge=0, le=MAX_INT)] = None,
) -> SessionList:
    """List sessions, newest first by `order`. `phase` repeats. `hidden=true` shows hidden ones too, `archived=false`
    leaves archived ones out. Without `limit`: all."""
    query = SessionQuery(
        phases=frozenset(entry.value for entry in phase) if phase else None,
        agent=agent,
        include_hidden=hidden,
        include_archived=archived,
        order=order,
        offset=offset,
        limit=limit,
    )
    return await request.hub.list_sessions(query, request.by)


@get("/v1/sessions/{session:str}")
async def get_session(request: Call, session: FromPath[str]) -> SessionInfo:
    """One session. Its id may be given by its 12 hex digits alone, here and everywhere."""
    return (await request.hub.find(session, request.by)).info()


@patch("/v1/sessions/{session:str}", opt=RECORDED)
async def update_session(request: Call, session: FromPath[str], data: JSONBody[Update]) -> SessionInfo:
    """Change label, tags, metadata, visibility; hide it from lists."""
    found = await request.hub.find(session, request.by)
    await found.handle(data, request.by, request.key)
    return found.info()


@delete("/v1/sessions/{session:str}", status_code=200)
async def delete_session(request: Call, session: FromPath[str], force: FromQuery[bool] = False) -> Deleted:
    """Remove log and folders. `workspace_dirty` if work would be lost, unless `force`."""
    return await request.hub.delete(session, request.by, force=force)


routes = [create_session, list_sessions, get_session, update_session, delete_session]
