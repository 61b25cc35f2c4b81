"""Sessions: made, listed, read, changed, archived, woken, deleted."""

from typing import Annotated, Final

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter

from roost.api.call import RECORDED, Call
from roost.api.coder import shapes
from roost.api.coder.making import create_command, update_command
from roost.api.coder.views import check_not_history, detail_of, flags_of, item_of, skills_of, workflow_of
from roost.core.session import Session
from roost.core.steps import in_steps
from roost.model.commands import Archive, Resume
from roost.model.stored import SessionQuery

MAX_INT: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps."""
MAX_SEARCH_CHARS: Final = 500


@post("/api/hub/session", opt=RECORDED)
async def create_coder_session(request: Call, data: JSONBody[shapes.CreateBody]) -> shapes.Made:
    """Create a session: its task is its first run. It can be read at once; its host starts in the background."""
    command, kit = await create_command(request.hub, data, request.by)
    session = await request.hub.create_session(command, request.by, request.key, kit=kit)
    record = session.record_now
    return shapes.Made(
        session_id=session.id,
        status=_status(request, session),
        mode=record.mode,
        visibility=record.visibility,
        label=record.label,
    )


@get("/api/hub/sessions")
async def list_coder_sessions(
    request: Call,
    search: Annotated[str | None, QueryParameter(max_length=MAX_SEARCH_CHARS)] = None,
    archived: Annotated[bool, QueryParameter(name="includeArchived")] = False,
    limit: Annotated[int | None, QueryParameter(ge=0, le=MAX_INT)] = None,
    offset: Annotated[int, QueryParameter(ge=0, le=MAX_INT)] = 0,
) -> shapes.SessionsAnswer:
    """List the sessions you may see, newest first. `search`: a substring of label, task or metadata, whatever its case.
    Without `limit`: all."""
    query = SessionQuery(search=search or None, include_archived=archived, limit=limit, offset=offset)
    page = await request.hub.page(query, request.by)
    items = await in_steps(lambda row: item_of(request.hub, request.by, row.record, row.head), page.rows)
    return shapes.SessionsAnswer(sessions=shapes.Sessions(websocket=items), total=page.total)


@get("/api/hub/session/{session:str}")
async def get_coder_session(request: Call, session: FromPath[str]) -> shapes.Detail:
    """One session."""
    found = await request.hub.find(session, request.by)
    return await detail_of(request.hub, request.by, found)


@patch("/api/hub/session/{session:str}", opt=RECORDED)
async def update_coder_session(
    request: Call, session: FromPath[str], data: JSONBody[shapes.UpdateBody]
) -> shapes.Updated:
    """Change what is present in the body; `metadata` key by key."""
    found = await request.hub.find(session, request.by)
    command = await update_command(request.hub, found.record_now, data, request.by)
    await found.handle(command, request.by, request.key)
    record = found.record_now
    return shapes.Updated(
        session_id=found.id,
        label=record.label,
        visibility=record.visibility,
        tags=record.tags,
        skills=skills_of(record.kit.skills),
        enabled_agents=record.kit.enabled_agents,
        metadata=record.metadata,
        workflow_mode=workflow_of(record),
        default_agent=record.kit.default_agent,
    )


@delete("/api/hub/session/{session:str}", status_code=200)
async def delete_coder_session(request: Call, session: FromPath[str]) -> shapes.Moved:
    """Remove the log and everything of it. A folder with unsaved work stays where it is."""
    found = await request.hub.delete(session, request.by, keep=True)
    return shapes.Moved(session_id=found.session, status="deleted")


@post("/api/hub/session/{session:str}/archive", status_code=200, opt=RECORDED)
async def archive_coder_session(request: Call, session: FromPath[str]) -> shapes.Moved:
    """Stop everything and keep the history, for good. Repeat is success."""
    found = await request.hub.find(session, request.by)
    await found.handle(Archive(), request.by, request.key)
    return shapes.Moved(session_id=found.id, status=_status(request, found))


@post("/api/hub/session/{session:str}/resume", status_code=200, opt=RECORDED)
async def resume_coder_session(request: Call, session: FromPath[str]) -> shapes.Moved:
    """Wake it; answers before its host is up. A session that is awake stays so."""
    found = await request.hub.find(session, request.by)
    check_not_history(request.hub, found)
    await found.handle(Resume(), request.by, request.key)
    return shapes.Moved(session_id=found.id, status=_status(request, found), resumed=True)


def _status(request: Call, session: Session) -> str:
    return flags_of(request.hub, request.by, session.record_now, session.seq).status


routes = [
    create_coder_session,
    list_coder_sessions,
    get_coder_session,
    update_coder_session,
    delete_coder_session,
    archive_coder_session,
    resume_coder_session,
]
