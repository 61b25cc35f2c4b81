"""People and their keys, and who did what: for admins."""

from typing import Annotated

from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from roost.api.call import Call
from roost.api.cursors import feed_cursor
from roost.model.ids import Pos
from roost.model.keys import AddKey, KeyInfo, KeyList, NewKey, UserList
from roost.model.stored import AuditEntry


class AuditPage(Struct, frozen=True, kw_only=True):
    """What was done, in order; go on after `pos`."""

    entries: list[AuditEntry]
    pos: Pos


@get("/v1/keys")
async def list_keys(request: Call) -> KeyList:
    """The keys you handle, oldest first, revoked ones too; never the keys themselves."""
    return KeyList(keys=tuple(request.hub.keys.all(request.by)))


@post("/v1/keys")
async def add_key(request: Call, data: JSONBody[AddKey]) -> NewKey:
    """A new key. Its text is in this answer and nowhere else."""
    return await request.hub.keys.add(data, request.by)


@post("/v1/keys/{key:str}/rotate", status_code=200)
async def rotate_key(request: Call, key: FromPath[str]) -> NewKey:
    """A new text for a key; the old one is good no more, and its streams end."""
    return await request.hub.keys.rotate(key, request.by)


@delete("/v1/keys/{key:str}", status_code=200)
async def revoke_key(request: Call, key: FromPath[str]) -> KeyInfo:
    """End a key, and its streams."""
    return await request.hub.keys.revoke(key, request.by)


@get("/v1/users")
async def list_users(request: Call) -> UserList:
    """Everybody with a key that works."""
    return UserList(users=tuple(request.hub.keys.users(request.by)))


@get("/v1/audit")
async def list_audit(
    request: Call,
    after: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=5000)] = 500,
) -> AuditPage:
    """What people and programs did after a position of the feed (`now`: its present end): events of sessions,
    deletions, operations on keys."""
    request.hub.keys.check(request.by, "admin")
    page = await request.hub.feed.audit(await feed_cursor(request.hub, after), request.by, limit)
    return AuditPage(entries=page.entries, pos=page.pos)


routes = [list_keys, add_key, rotate_key, revoke_key, list_users, list_audit]
