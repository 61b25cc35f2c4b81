"""The link's endpoint: a WebSocket between a host and its hub. Shuttles messages; the hub does the rest."""

from roost.api.asgi import Receive, Scope, Send
from roost.api.lending import lent
from roost.core.hub import Hub


async def link_endpoint(hub: Hub, scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /link` upgraded. The host's token stands in `Authorization: Bearer`; refusals are frames, not statuses."""
    first = await receive()
    if first["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})

    async def take() -> bytes | str | None:
        message = await receive()
        if message["type"] != "websocket.receive":
            return None
        return message.get("text") or message.get("bytes") or b""

    connection = lent(scope)

    async def give(frame: bytes) -> None:
        if connection is not None and connection.has_room:
            connection.write(connection.framed(frame))
        else:
            await send({"type": "websocket.send", "text": frame.decode(), "bytes": None})

    await hub.accept_link(_token(scope), take, give)
    try:
        await send({"type": "websocket.close", "code": 1000, "reason": ""})
    except RuntimeError:
        pass  # the host closed first


def _token(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization" and value.lower().startswith(b"bearer "):
            return value[7:].decode("latin-1").strip()
    return None
