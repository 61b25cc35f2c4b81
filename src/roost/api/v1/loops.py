"""Loops over runs: how a session's loop stands, and what is asked of it."""

from litestar import get, post
from litestar.params import FromPath, JSONBody

from roost.api.call import RECORDED, Call
from roost.core.loops import loop_of
from roost.model.commands import ChangeLoop
from roost.model.info import Accepted
from roost.model.loops import LoopState


@get("/v1/sessions/{session:str}/loop")
async def get_loop(request: Call, session: FromPath[str]) -> LoopState:
    """How the loop stands. `loop_not_found` if the session has none."""
    return loop_of((await request.hub.find(session, request.by)).record_now)


@post("/v1/sessions/{session:str}/loop", status_code=200, opt=RECORDED)
async def change_loop(request: Call, session: FromPath[str], data: JSONBody[ChangeLoop]) -> Accepted:
    """Start a loop, pause it after the iteration that goes on, resume it, cancel it, adjust what it works towards."""
    found = await request.hub.find(session, request.by)
    return await found.handle(data, request.by, request.key)


routes = [get_loop, change_loop]
