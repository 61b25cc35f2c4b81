"""Sessions that agents have had by themselves, on the hub's machine."""

from typing import Annotated

from litestar import get, post
from litestar.params import FromQuery, JSONBody, QueryParameter

from roost.api.call import Call
from roost.model.info import SessionInfo
from roost.model.natives import MAX_LISTED, ImportNative, NativeList


@get("/v1/natives")
async def list_natives(
    request: Call,
    agent: FromQuery[str | None] = None,
    folder: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LISTED)] = 50,
) -> NativeList:
    """What Claude Code, Codex, opencode and Pi keep of their own sessions, the last changed first; of one `agent`, or
    begun in one `folder` (absolute). Admins of the whole hub only."""
    return await request.hub.natives.list(request.by, agent=agent, folder=folder, limit=limit)


@post("/v1/natives/import", status_code=201)
async def import_native(request: Call, data: JSONBody[ImportNative]) -> SessionInfo:
    """Such a session as one of the hub's: asleep, with its history, yours. Its next prompt goes on in its folder, with
    what the agent itself remembers. Admins of the whole hub only. `session_exists`: it is here already."""
    request.check_unrecorded()
    session = await request.hub.natives.take(data, request.by)
    return (await request.hub.find(session, request.by)).info()


routes = [list_natives, import_native]
