"""The workspace of a session: its shell, its files, its changes. Carried out by its host and not recorded."""

from collections.abc import AsyncGenerator
from typing import Annotated, Final

from litestar import Response, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from roost.api.call import BYTES, Call
from roost.core.session import Session
from roost.model.screens import Shown
from roost.model.workspace import (
    DEFAULT_ENTRIES,
    MAX_ENTRIES,
    Diff,
    Discard,
    Discarded,
    DiskUse,
    FileEntry,
    FileList,
    Merge,
    Merged,
    Shell,
    ShellResult,
)  # fmt: skip

GIVES_BYTES: Final = {"gives": BYTES}
TAKES_BYTES: Final = {"takes": BYTES}


async def _found(request: Call, session: str, *, wake: bool = False) -> Session:
    """To wake it is to act, however the request spells that."""
    request.check_unrecorded()
    return await request.hub.admit(session, request.by, act=wake)


@post("/v1/sessions/{session:str}/shell", status_code=200)
async def run_shell(request: Call, session: FromPath[str], data: JSONBody[Shell]) -> ShellResult:
    """Run a command in the workspace. Answers when it has ended; it is killed when you leave. Wakes a session that
    sleeps. A non-zero exit is a result; `shell_timeout` carries what was printed."""
    found = await _found(request, session, wake=True)
    return await request.present(request.hub.workspace.shell(found, request.by, data))


@get("/v1/sessions/{session:str}/files")
async def list_files(
    request: Call,
    session: FromPath[str],
    path: FromQuery[str] = "",
    recursive: FromQuery[bool] = False,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_ENTRIES)] = DEFAULT_ENTRIES,
    wake: FromQuery[bool] = False,
) -> FileList:
    """Names in a folder of the workspace. Recursive: those below too, but for what is in `.git`. A session that sleeps
    is `session_asleep`, unless `wake`."""
    found = await _found(request, session, wake=wake)
    listed = request.hub.workspace.list(found, request.by, path, recursive=recursive, limit=limit, wake=wake)
    return await request.present(listed)


@get("/v1/sessions/{session:str}/stat", opt={"answer": FileEntry})
async def get_stat(
    request: Call, session: FromPath[str], path: FromQuery[str] = "", wake: FromQuery[bool] = False
) -> FileEntry:
    """What has this path. A link is not followed."""
    found = await _found(request, session, wake=wake)
    return await request.present(request.hub.workspace.stat(found, request.by, path, wake=wake))


@get("/v1/sessions/{session:str}/files/{path:path}", opt=GIVES_BYTES)
async def get_file(
    request: Call, session: FromPath[str], path: FromPath[str], wake: FromQuery[bool] = False
) -> Response[bytes] | Stream:
    """The bytes of a file. A session that sleeps is `session_asleep`, unless `wake`."""
    found = await _found(request, session, wake=wake)
    reading = await request.present(
        request.hub.workspace.read(found, request.by, request.rest_of("/files/"), wake=wake)
    )
    headers = {"content-length": str(reading.entry.size), "cache-control": "no-store"}
    return Stream(_closing(reading.pieces), media_type=BYTES, headers=headers)


async def _closing(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        async for piece in pieces:
            yield piece
    finally:
        await pieces.aclose()


@put("/v1/sessions/{session:str}/files/{path:path}", opt=TAKES_BYTES, request_max_body_size=None)
async def put_file(request: Call, session: FromPath[str], path: FromPath[str]) -> FileEntry:
    """Put a file in its place, whole or not at all, with the folders above it. Wakes a session that sleeps."""
    found = await _found(request, session, wake=True)
    return await request.hub.workspace.write(found, request.by, request.rest_of("/files/"), request.stream())


@delete("/v1/sessions/{session:str}/files/{path:path}", status_code=200)
async def delete_file(request: Call, session: FromPath[str], path: FromPath[str]) -> FileEntry:
    """Remove a file, a link, or an empty folder. Wakes a session that sleeps."""
    found = await _found(request, session, wake=True)
    return await request.present(request.hub.workspace.remove(found, request.by, request.rest_of("/files/")))


@get("/v1/sessions/{session:str}/disk")
async def get_disk_use(request: Call, session: FromPath[str], wake: FromQuery[bool] = False) -> DiskUse:
    """What the workspace takes."""
    found = await _found(request, session, wake=wake)
    return await request.present(request.hub.workspace.disk_use(found, request.by, wake=wake))


@get("/v1/sessions/{session:str}/diff")
async def get_diff(request: Call, session: FromPath[str], wake: FromQuery[bool] = False) -> Diff:
    """What the session has changed: a worktree against where it began, a repository against its last commit."""
    found = await _found(request, session, wake=wake)
    return await request.present(request.hub.workspace.diff(found, request.by, wake=wake))


@post("/v1/sessions/{session:str}/merge", status_code=200)
async def merge_branch(request: Call, session: FromPath[str], data: JSONBody[Merge | None] = None) -> Merged:
    """Merge the worktree's branch into the one it came from. Clean, or not at all: `merge_conflict`, `merge_refused`,
    `workspace_dirty`."""
    found = await _found(request, session, wake=True)
    return await request.hub.workspace.merge(found, request.by, data or Merge())


@post("/v1/sessions/{session:str}/discard", status_code=200)
async def discard_work(request: Call, session: FromPath[str], data: JSONBody[Discard | None] = None) -> Discarded:
    """Give up what the session has changed. `workspace_dirty` if work would be lost, unless `force`."""
    found = await _found(request, session, wake=True)
    return await request.hub.workspace.discard(found, request.by, data or Discard())


@get("/v1/sessions/{session:str}/screen")
async def get_screen(request: Call, session: FromPath[str], wake: FromQuery[bool] = False) -> Shown:
    """What the agent's own screen shows now. `screen_missing` if it has none: only sessions with the driver `terminal`
    have."""
    found = await _found(request, session, wake=wake)
    return await request.present(request.hub.terminals.shown(found, request.by, wake=wake))


routes = [
    run_shell,
    list_files,
    get_stat,
    get_file,
    put_file,
    delete_file,
    get_disk_use,
    get_diff,
    merge_branch,
    discard_work,
    get_screen,
]
