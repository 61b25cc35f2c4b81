"""`GET /api/ws`: the way in for observers, controllers and leads (hub-wire 10).

The upgrade is always accepted, for their clients read close codes and no HTTP statuses.
"""

from typing import Final, cast

from roost.api.admission import check_up
from roost.api.asgi import Receive, Scope, Send, query_of
from roost.api.coder.connection import Connection, key_in_a_frame
from roost.api.coder.frames import Role
from roost.api.coder.keys import key_of
from roost.api.coder.lead import lead
from roost.api.coder.live import Lives
from roost.api.coder.watcher import Watcher
from roost.api.problems import error_of
from roost.api.streams.running import Streams
from roost.core.hub import Hub
from roost.model.errors import InvalidRequest, RoostError

LEAD: Final = "lead"
WATCHERS: Final = frozenset(("observer", "controller"))


async def socket(hub: Hub, streams: Streams, lives: Lives, scope: Scope, receive: Receive, send: Send) -> None:
    """From the upgrade to the close."""
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    connection = Connection(hub, scope, receive, send)
    try:
        why = await _served(connection, streams, lives)
    except OSError:
        return  # the client has gone while it was told the first words
    except Exception as error:  # noqa: BLE001  # whatever it is, the client is told as it understands
        why = error_of(error, scope)
    await connection.close(why)


async def _served(connection: Connection, streams: Streams, lives: Lives) -> RoostError | None:
    """Why it has ended. Raises: whatever is wrong with who asks, and with what is asked."""
    hub, scope = connection.hub, connection.scope
    check_up(hub)
    key = key_of(scope, in_query=True) or await key_in_a_frame(connection.receive)
    by = await hub.authenticate(key)
    scope["state"] = {"by": by}
    role, named = query_of(scope, "role") or LEAD, query_of(scope, "sessionId")
    if role == LEAD:
        return await lead(connection, streams, lives, by, key)
    if role not in WATCHERS:
        raise InvalidRequest(f"role: one of {', '.join(sorted((LEAD, *WATCHERS)))}")
    if not named:
        raise InvalidRequest("sessionId: an observer or controller names its session")
    session = await hub.admit(named, by, act=role != "observer")
    return await Watcher(connection, session, by, key, cast(Role, role)).run(streams, lives)
