"""The Coder view in front of its routes: whose key it is, the hub's gate, streams past the framework.

Host and Origin were checked, and the hub is up (api/app.py). What is raised here is told as an envelope.
"""

from typing import Final

from roost.api.asgi import Receive, Scope, Send
from roost.api.coder import sse
from roost.api.coder.history import Histories
from roost.api.coder.keys import key_of
from roost.api.coder.live import Lives
from roost.api.coder.routes import CODER
from roost.api.coder.socket import socket
from roost.api.patience import patient
from roost.api.streams.running import Streams
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model.errors import Forbidden, SessionNotFound
from roost.model.events import Principal
from roost.settings import Settings

EVENTS: Final = "/api/hub/session/{session}/events"
NO_SESSIONS: Final = frozenset(("builder",))
"""What stands in paths where else the id of a session does."""


class Coder:
    """An ASGI app for HTTP. Raises, before anything was sent: Unauthorized, and whatever the gate raises."""

    def __init__(self, hub: Hub, settings: Settings, streams: Streams) -> None:
        self._hub = hub
        self._streams = streams
        self._lives = Lives(hub)
        self._histories = Histories(hub)
        self._request_seconds = settings.request_seconds
        self._rest = CODER.app(settings.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        streams = _streams(scope)
        by = await self._hub.authenticate(key_of(scope, in_query=streams))
        scope["state"] = {"by": by}  # for the log, should it not be admitted
        session = await self._admit(scope, by)
        scope["state"] = {"hub": self._hub, "by": by, "session": session, "histories": self._histories}
        if streams and session is not None:
            await sse.events(self._hub, self._streams, self._lives, session, by, scope, receive, send)
            return
        await self._rest(scope, patient(receive, self._request_seconds, whole=True), send)

    async def socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/ws`: every refusal is a frame and a close code."""
        await socket(self._hub, self._streams, self._lives, scope, receive, send)

    def route_of(self, scope: Scope) -> tuple[str, bool] | None:
        """The template of the request's route, and whether it takes bytes; None if it has no route."""
        if _streams(scope):
            return EVENTS, False
        return CODER.route_of(scope)

    async def _admit(self, scope: Scope, by: Principal) -> Session | None:
        """The hub's gate, before every route: `App._admit` with other paths."""
        acts = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if acts:
            self._hub.limits.act(by)
        match scope["path"].rstrip("/").split("/"):
            case ["", "api", "hub", "session", session, *_] if session not in NO_SESSIONS:
                try:
                    return await self._hub.admit(session, by, act=acts)
                except (SessionNotFound, Forbidden):
                    if not _streams(scope):
                        CODER.check(scope)
                    raise
            case _:
                self._hub.keys.check(by, "controller" if acts else "observer")
                return None


def _streams(scope: Scope) -> bool:
    """Whether this is the event stream of a session, the one route whose key may stand in its query."""
    match scope["path"].rstrip("/").split("/"):
        case ["", "api", "hub", "session", _, "events"]:
            return scope["method"] == "GET"
        case _:
            return False
