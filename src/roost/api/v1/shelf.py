"""Artifacts that sessions have published, and blobs that their inputs refer to."""

from typing import Annotated, Final

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from roost.api.call import BYTES, Call
from roost.core.shelf import Content
from roost.model.events import Blob
from roost.model.made import Artifact

MAX_VERSION: Final = 2**31 - 1


class ArtifactList(Struct, frozen=True, kw_only=True):
    """All versions, oldest first."""

    artifacts: tuple[Artifact, ...]


@get("/v1/sessions/{session:str}/artifacts")
async def list_artifacts(request: Call, session: FromPath[str]) -> ArtifactList:
    """What the session has published. It stays as long as the session, whatever becomes of its workspace."""
    found = await request.hub.find(session, request.by)
    return ArtifactList(artifacts=request.hub.shelf.artifacts(found))


@get("/v1/sessions/{session:str}/artifacts/{key:path}", opt={"gives": BYTES})
async def get_artifact(
    request: Call,
    session: FromPath[str],
    key: FromPath[str],
    version: Annotated[int | None, QueryParameter(ge=1, le=MAX_VERSION)] = None,
) -> Stream:
    """The content of an artifact: its newest version, or the one that is asked for. Its type is what the agent said."""
    found = await request.hub.find(session, request.by)
    artifact, content = await request.hub.shelf.artifact(found, request.rest_of("/artifacts/"), version)
    return _stream(content, {"x-roost-version": str(artifact.version), "x-roost-mime": _header(artifact.mime)})


@post("/v1/blobs", opt={"takes": BYTES}, status_code=201, request_max_body_size=None)
async def put_blob(request: Call, mime: FromQuery[str] = BYTES) -> Blob:
    """Store content, at most 64 MiB, to be referred to by an input as `blob:<hash>`. If none does, it is forgotten
    after a day."""
    request.check_unrecorded()
    return await request.hub.shelf.put_blob(request.stream(), request.by, mime)


@get("/v1/blobs/{blob_hash:str}", opt={"gives": BYTES})
async def get_blob(request: Call, blob_hash: FromPath[str]) -> Stream:
    """The content of a blob that a session refers to which you may see."""
    return _stream(await request.hub.shelf.blob(blob_hash, request.by), {})


def _stream(content: Content, headers: dict[str, str]) -> Stream:
    """As bytes to keep, whatever they are: what an agent made is never run or shown by a browser from here."""
    told = {"content-length": str(content.size), "x-content-type-options": "nosniff"}
    return Stream(content.pieces, media_type=BYTES, headers=headers | told)


def _header(text: str) -> str:
    """What may stand in a header."""
    return "".join(char for char in text if char.isascii() and char.isprintable())


routes = [list_artifacts, get_artifact, put_blob, get_blob]
