"""One line in the log for every request: what was asked for by the name of its route, and by whom by the id of the key.
Paths, queries, headers and bodies are their sender's words, secrets among them, and stay out."""

from typing import Any, Final

import structlog
from anyio import current_time

from roost.api.asgi import Message, Scope, Send
from roost.model.events import Principal

UNKNOWN: Final = "unknown"
"""The route of a request that has none."""
QUIET: Final = ("/healthz", "/readyz", "/metrics")
"""Asked for again and again by machines: told at level debug."""

_log = structlog.get_logger("roost.api")


class Entry:
    """A request, from its first byte on. `route`: its template."""

    __slots__ = ("_begun", "_said", "_scope", "_send")

    def __init__(self, scope: Scope, send: Send, method: str, route: str) -> None:
        scope["roost.route"] = route
        self._scope = scope
        self._send = send
        self._said: dict[str, Any] = {"method": method, "route": route}
        self._begun = current_time()

    async def send(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                self._said["status"] = message["status"]
            case "websocket.accept":
                self._said["status"] = 101
            case "websocket.close":
                self._said["closed"] = message.get("code", 1000)
            case _:
                pass
        await self._send(message)

    def write(self) -> None:
        """It is over."""
        state: dict[str, Any] = self._scope.get("state", {})
        by: Principal | None = state.get("by")
        who = {} if by is None else {"user": by.user, "key": by.key or None}
        seconds = round(current_time() - self._begun, 4)
        tell = _log.debug if self._said["route"] in QUIET else _log.info
        tell("request", **self._said, seconds=seconds, **who)
