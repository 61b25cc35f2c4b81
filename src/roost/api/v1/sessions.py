"""Sessions: made, listed, changed, deleted."""

from typing import Annotated, Final, Literal

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec.structs import replace

from roost.api.call import RECORDED, Call
from roost.model.activity import Activity
from roost.model.commands import CreateSession, Update
from roost.model.info import Deleted, SessionCounts, SessionInfo, SessionList
from roost.model.lifecycle import Phase
from roost.model.stored import SessionQuery

MAX_INT: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps."""
MAX_SEARCH_CHARS: Final = 500
Status = Literal["creating", "active", "paused", "resuming", "failed", "archived"]
Bucket = Literal["running", "paused", "provisioning", "history"]
Visibility = Literal["private", "organization", "collaborate"]
Search = Annotated[str | None, QueryParameter(max_length=MAX_SEARCH_CHARS)]
Time = Annotated[int | None, QueryParameter(ge=0, le=MAX_INT)]


@post("/v1/sessions", opt=RECORDED)
async def create_session(request: Call, data: JSONBody[CreateSession]) -> SessionInfo:
    """Create a session. With a task its first run starts at once; its host starts in the background."""
    session = await request.hub.create_session(data, request.by, request.key)
    return session.info()


def _query(  # one for each filter of the wire
    *,
    q: str | None,
    phase: list[Phase] | None,
    status: list[Status] | None,
    bucket: list[Bucket] | None,
    tag: list[str] | None,
    agent: str | None,
    folder: str | None,
    owner: str | None,
    visibility: Visibility | None,
    hidden: bool | None,
    archived: bool,
    times: tuple[int | None, int | None, int | None, int | None],
) -> SessionQuery:
    created_from, created_before, updated_from, updated_before = times
    return SessionQuery(
        search=q,
        phases=frozenset(entry.value for entry in phase) if phase else None,
        statuses=frozenset(status) if status else None,
        buckets=frozenset(bucket) if bucket else None,
        tags=frozenset(tag or ()),
        agent=agent,
        folder=folder,
        owner=owner,
        visibility=visibility,
        include_hidden=bool(hidden),
        include_archived=archived,
        created_from=created_from,
        created_before=created_before,
        updated_from=updated_from,
        updated_before=updated_before,
    )


@get("/v1/sessions")
async def list_sessions(
    request: Call,
    q: Search = None,
    phase: FromQuery[list[Phase] | None] = None,
    status: FromQuery[list[Status] | None] = None,
    bucket: FromQuery[list[Bucket] | None] = None,
    activity: FromQuery[list[Activity] | None] = None,
    tag: FromQuery[list[str] | None] = None,
    agent: FromQuery[str | None] = None,
    folder: FromQuery[str | None] = None,
    owner: FromQuery[str | None] = None,
    visibility: FromQuery[Visibility | None] = None,
    hidden: FromQuery[bool] = False,
    archived: FromQuery[bool] = True,
    created_from: Time = None,
    created_before: Time = None,
    updated_from: Time = None,
    updated_before: Time = None,
    order: FromQuery[Literal["created", "updated"]] = "created",
    offset: Annotated[int, QueryParameter(ge=0, le=MAX_INT)] = 0,
    limit: Annotated[int | None, QueryParameter(ge=0, le=MAX_INT)] = None,
) -> SessionList:
    """List the sessions you may see, newest first by `order`. `q`: a substring of label, task, or a key or value of the
    metadata, whatever its case. `phase`, `status`, `bucket`, `activity` and `tag` repeat: one of those given, for tags
    all. `folder`: the project folder or one above it. `hidden=true` shows hidden ones too, `archived=false` leaves
    archived ones out. Times are ms. Without `limit`: all."""
    query = _query(
        q=q, phase=phase, status=status, bucket=bucket, tag=tag, agent=agent, folder=folder, owner=owner,
        visibility=visibility, hidden=hidden, archived=archived,
        times=(created_from, created_before, updated_from, updated_before),
    )  # fmt: skip
    page = replace(query, order=order, offset=offset, limit=limit)
    return await request.hub.list_sessions(page, request.by, frozenset(activity) if activity else None)


@get("/v1/sessions/counts")
async def count_sessions(
    request: Call,
    q: Search = None,
    tag: FromQuery[list[str] | None] = None,
    agent: FromQuery[str | None] = None,
    folder: FromQuery[str | None] = None,
    owner: FromQuery[str | None] = None,
    visibility: FromQuery[Visibility | None] = None,
    hidden: FromQuery[bool] = False,
) -> SessionCounts:
    """How many sessions you may see, in all and by status and bucket. Filters are those of the list."""
    query = _query(
        q=q, phase=None, status=None, bucket=None, tag=tag, agent=agent, folder=folder, owner=owner,
        visibility=visibility, hidden=hidden, archived=True, times=(None, None, None, None),
    )  # fmt: skip
    return await request.hub.count_sessions(query, request.by)


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


routes = [create_session, list_sessions, count_sessions, get_session, update_session, delete_session]
