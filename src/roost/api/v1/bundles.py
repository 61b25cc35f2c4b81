"""Sessions that leave as one file and come as one."""

from typing import Final

from litestar import get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from roost.api.call import BYTES, Call
from roost.model.ids import short_id
from roost.model.info import SessionInfo

GIVES_BYTES: Final = {"gives": BYTES}
TAKES_BYTES: Final = {"takes": BYTES}


@get("/v1/sessions/{session:str}/export", opt=GIVES_BYTES)
async def export_session(request: Call, session: FromPath[str]) -> Stream:
    """The session as a bundle (a gzipped tar): its log byte for byte, what it refers to, and what it has changed if its
    workspace is awake."""
    request.check_unrecorded()
    found = await request.hub.find(session, request.by)
    told = {
        "content-disposition": f'attachment; filename="{short_id(found.id)}.roost.tar.gz"',
        "x-content-type-options": "nosniff",
    }
    return Stream(request.hub.bundles.export(found, request.by), media_type=BYTES, headers=told)


@post("/v1/import", opt=TAKES_BYTES, status_code=201, request_max_body_size=None)
async def import_session(request: Call, new_id: FromQuery[bool] = False) -> SessionInfo:
    """A session from its bundle: archived, with the log as it was, yours, under its own id or a new one. Admins of the
    whole hub only. `bundle_invalid`, `session_exists`: nothing was made."""
    request.check_unrecorded()
    session = await request.hub.bundles.take(request.stream(), request.by, new_id=new_id)
    return (await request.hub.find(session, request.by)).info()


@post("/v1/backup", opt=GIVES_BYTES, status_code=200)
async def back_up(request: Call) -> Stream:
    """The data folder as one file (a gzipped tar), while the hub runs: the store as of now, keys, blobs, spools. What
    sessions work in is listed, not copied. Admins of the whole hub only."""
    request.check_unrecorded()
    pieces = await request.hub.backups.begin(request.by)
    told = {"content-disposition": 'attachment; filename="backup.roost.tar.gz"', "x-content-type-options": "nosniff"}
    return Stream(pieces, media_type=BYTES, headers=told)


routes = [export_session, import_session, back_up]
