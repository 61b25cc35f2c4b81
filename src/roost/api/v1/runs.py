"""What a session is asked to do: input, abort, pause, resume, archive."""

from typing import Final

from litestar import Response, post
from litestar.params import FromPath, FromQuery, JSONBody

from roost.api.call import RECORDED, Call
from roost.model.commands import Abort, AnyCommand, Archive, Pause, Resume, Send
from roost.model.info import Accepted


async def _handle(request: Call, session: str, command: AnyCommand) -> Accepted:
    found = await request.hub.find(session, request.by)
    return await found.handle(command, request.by, request.key)


@post("/v1/sessions/{session:str}/input", status_code=202, opt=RECORDED)
async def send_input(request: Call, session: FromPath[str], data: JSONBody[Send]) -> Accepted:
    """Input: it starts a run, joins the open one (`steer`), or waits (`queue`). Wakes a session that sleeps."""
    return await _handle(request, session, data)


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


@post("/v1/sessions/{session:str}/pause", status_code=200, opt=RECORDED)
async def pause_session(request: Call, session: FromPath[str]) -> Accepted:
    """Put it to sleep; an open run is aborted first. Repeat is success."""
    return await _handle(request, session, Pause())


@post("/v1/sessions/{session:str}/resume", status_code=200, opt=RECORDED)
async def resume_session(request: Call, session: FromPath[str]) -> Accepted:
    """Wake it. Answers before its host is up."""
    return await _handle(request, session, Resume())


@post("/v1/sessions/{session:str}/archive", status_code=200, opt=RECORDED)
async def archive_session(request: Call, session: FromPath[str]) -> Accepted:
    """Stop everything and keep the history, for good. Repeat is success."""
    return await _handle(request, session, Archive())


routes = [send_input, abort_run, pause_session, resume_session, archive_session]
