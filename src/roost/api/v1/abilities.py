"""What a session's agent is able to do: how it can be set, and what it knows by name."""

from litestar import get, post
from litestar.params import FromPath, JSONBody

from roost.api.call import RECORDED, Call
from roost.core.abilities import commands_shown, options_shown
from roost.model.commands import RunCommand
from roost.model.info import Accepted
from roost.model.options import CommandList, SessionOptions


@get("/v1/sessions/{session:str}/options")
async def list_options(request: Call, session: FromPath[str]) -> SessionOptions:
    """How the agent can be set, while it is here, and how it is set: model, mode, and options of its own. They are set
    by `PATCH .../config`."""
    found = await request.hub.find(session, request.by)
    return options_shown(found.record_now, found.capabilities)


@get("/v1/sessions/{session:str}/commands")
async def list_commands(request: Call, session: FromPath[str]) -> CommandList:
    """Commands of the agent's own, while it is here."""
    return commands_shown((await request.hub.find(session, request.by)).capabilities)


@post("/v1/sessions/{session:str}/commands", status_code=202, opt=RECORDED)
async def run_command(request: Call, session: FromPath[str], data: JSONBody[RunCommand]) -> Accepted:
    """Run one of them: a run like that of any input. `command_not_found` if the agent, which is here, has it not; of
    one that must be woken, the run says so."""
    found = await request.hub.find(session, request.by)
    return await found.handle(data, request.by, request.key)


routes = [list_options, list_commands, run_command]
