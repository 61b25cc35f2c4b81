"""What happened in a session: its snapshot, its messages, its events."""

from typing import Annotated

from litestar import Response, get
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from roost.api.call import STREAM, Call, encoded
from roost.api.cursors import MAX_CURSOR, cursor
from roost.model.messages import Message
from roost.model.snapshot import Snapshot, encode_snapshot
from roost.model.stored import Page


class MessageList(Struct, frozen=True, kw_only=True):
    messages: tuple[Message, ...]


@get("/v1/sessions/{session:str}/snapshot", opt={"answer": Snapshot})
async def get_snapshot(request: Call, session: FromPath[str]) -> Response[bytes]:
    """The session at one seq: record and last messages. Go on with `after=seq`."""
    found = await request.hub.find(session, request.by)
    return encoded(encode_snapshot(await found.snapshot()))


@get("/v1/sessions/{session:str}/messages", opt={"answer": MessageList})
async def list_messages(
    request: Call,
    session: FromPath[str],
    before: Annotated[int | None, QueryParameter(ge=0, le=MAX_CURSOR)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 50,
) -> Response[bytes]:
    """The last `limit` messages that opened before seq `before`, oldest first."""
    found = await request.hub.find(session, request.by)
    messages = await found.messages(before, limit)
    return encoded(b'{"messages":[' + b",".join([message.data for message in messages]) + b"]}")


@get("/v1/sessions/{session:str}/events", opt=STREAM)
async def list_events(
    request: Call,
    session: FromPath[str],
    after: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=5000)] = 500,
) -> Page:
    """Events after a cursor, at most `limit`; with `Accept: text/event-stream` all of them, and then as they come."""
    found = await request.hub.find(session, request.by)
    return await request.hub.log.page(found.id, cursor(after), limit)


routes = [get_snapshot, list_messages, list_events]
