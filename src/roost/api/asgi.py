"""The ASGI seam: a few aliases, and what every raw endpoint says in the same words."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]


class Exchange(NamedTuple):
    """One request, as a server hands it over."""

    scope: Scope
    receive: Receive
    send: Send


def headers_of(scope: Scope, name: bytes) -> list[bytes]:
    """Every value of this header; `name` in lower case."""
    return [value for key, value in scope["headers"] if key == name]


def header_of(scope: Scope, name: bytes) -> str | None:
    """The last value of this header."""
    values = headers_of(scope, name)
    return values[-1].decode("latin-1") if values else None


def query_of(scope: Scope, name: str) -> str | None:
    """The last value of this query parameter."""
    values = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get(name)
    return values[-1] if values else None


def forget_headers(scope: Scope) -> None:
    """Nothing more is wanted of the request: what is open for days keeps no headers, and no key among them."""
    if isinstance(scope["headers"], list):
        scope["headers"].clear()  # the server's own


async def respond(send: Send, status: int, headers: Sequence[Header] = (), body: bytes = b"") -> None:
    """A whole answer. A 204 has neither body nor length."""
    length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})


async def refuse_upgrade(scope: Scope, send: Send, status: int, headers: Sequence[Header], body: bytes) -> None:
    """Answer a WebSocket handshake with an HTTP status; a server that cannot says 403."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "websocket.http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "websocket.http.response.body", "body": body})
