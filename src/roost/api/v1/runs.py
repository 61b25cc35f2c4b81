"""What a session is asked to do: input, its queue, abort, pause, resume, archive, end."""

from typing import Final

from litestar import Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from roost.api.call import RECORDED, Call
from roost.model.commands import Abort, AnyCommand, Archive, End, Pause, Resume, Send, Unqueue
from roost.model.ids import MessageId
from roost.model.info import Accepted, Ended, Queue


async def _handle(request: Call, session: str, command: AnyCommand) -> Accepted:
    found = await request.hub.find(session, request.by)
    return await found.handle(command, request.by, request.key)


@post("/v1/sessions/{session:str}/input", status_code=202, opt=RECORDED)
async def send_input(request: Call, session: FromPath[str], data: JSONBody[Send]) -> Accepted:
    """Input: it starts a run, joins the open one (`steer`), or waits (`queue`). Wakes a session that sleeps."""
    return await _handle(request, session, data)


@get("/v1/sessions/{session:str}/queue")
async def list_queue(request: Call, session: FromPath[str]) -> Queue:
    """The inputs that wait, in their order."""
    return (await request.hub.find(session, request.by)).queue()


@delete("/v1/sessions/{session:str}/queue/{message:str}", status_code=200, opt=RECORDED)
async def unqueue_input(request: Call, session: FromPath[str], message: FromPath[str]) -> Accepted:
    """Give up an input that waits."""
    return await _handle(request, session, Unqueue(message=MessageId(message)))


ABORT: Final = {**RECORDED, "answer": Accepted, "also": {202: "It is recorded; the run may still be open."}}


@post("/v1/sessions/{session:str}/abort", status_code=200, opt=ABORT)
async def abort_run(
    request: Call, session: FromPath[str], data: JSONBody[Abort | None] = None, wait: FromQuery[bool] = True
) -> Response[Accepted]:
    """Stop the open run. Answers once the session is idle; with `wait=false` at once (202)."""
    found = await request.hub.find(session, request.by)
    accepted = await found.handle(data or Abort(), request.by, request.key)
    if wait:
        await found.wait_idle()
    return Response(accepted, status_code=200 if wait else 202)


PAUSE: Final = {**RECORDED, "answer": Accepted, "also": {202: "It is recorded; the session may still be awake."}}


@post("/v1/sessions/{session:str}/pause", status_code=200, opt=PAUSE)
async def pause_session(request: Call, session: FromPath[str], wait: FromQuery[bool] = True) -> Response[Accepted]:
    """Put it to sleep; an open run is aborted first. Answers once it sleeps; with `wait=false` at once (202). Repeat is
    success."""
    found = await request.hub.find(session, request.by)
    accepted = await found.handle(Pause(), request.by, request.key)
    if wait:
        await found.wait_paused()
    return Response(accepted, status_code=200 if wait else 202)


@post("/v1/sessions/{session:str}/resume", status_code=200, opt=RECORDED)
async def resume_session(request: Call, session: FromPath[str]) -> Accepted:
    """Wake it; answers before its host is up. On a live session without a run, let a held queue go on."""
    return await _handle(request, session, Resume())


@post("/v1/sessions/{session:str}/archive", status_code=200, opt=RECORDED)
async def archive_session(request: Call, session: FromPath[str]) -> Accepted:
    """Stop everything and keep the history, for good. Repeat is success."""
    return await _handle(request, session, Archive())


@post("/v1/sessions/{session:str}/end", status_code=200, opt=RECORDED)
async def end_session(request: Call, session: FromPath[str], data: JSONBody[End | None] = None) -> Ended:
    """Stop everything, destroy the workspace that Roost made, and keep history and artifacts, for good. For the owner
    alone. `workspace_dirty` if work would be lost, unless `force`. Repeat is success."""
    found = await request.hub.find(session, request.by)
    return await request.hub.dismantling.end(found, data or End(), request.by, request.key)


routes = [
    send_input,
    list_queue,
    unqueue_input,
    abort_run,
    pause_session,
    resume_session,
    archive_session,
    end_session,
]
