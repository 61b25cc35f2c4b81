"""The whole API as one ASGI app: who may knock, is the hub up, streams and link past the framework, REST through it."""

from functools import cached_property
from typing import TYPE_CHECKING, Final

import anyio
import msgspec

from roost import __version__
from roost.api import metrics
from roost.api.admission import check_host, check_origin, check_up, key_of
from roost.api.asgi import Receive, Scope, Send, query_of, refuse_upgrade, respond
from roost.api.coder.envelope import send_envelope
from roost.api.entries import UNKNOWN, Entry
from roost.api.patience import patient
from roost.api.problems import error_of, problem, send_problem
from roost.api.rest import REST
from roost.api.streams import sse
from roost.api.streams.running import Streams
from roost.api.streams.socket import socket
from roost.api.streams.terminal import terminal
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model.errors import Forbidden, MethodNotAllowed, RouteNotFound, SessionNotFound
from roost.model.events import Principal
from roost.model.info import Health
from roost.settings import Settings

if TYPE_CHECKING:
    from roost.api.coder.app import Coder

LOOKS: Final = frozenset(("GET", "HEAD", "OPTIONS"))
"""Methods of requests that change nothing."""
ALONE: Final = frozenset(("/healthz", "/readyz", "/metrics", "/openapi.json"))
"""Paths that are answered before the framework."""
NO_SESSIONS: Final = frozenset(("counts",))
"""What stands in paths where else the id of a session does."""


class App:
    """Made by `make_app`; served by `server.serve`."""

    def __init__(self, hub: Hub, settings: Settings) -> None:
        self._hub = hub
        self._settings = settings
        self._streams = Streams(settings.sse_heartbeat_seconds)
        self.request_seconds = settings.request_seconds
        self.writes_directly = settings.stream_writer == "direct"
        self._rest = REST.app(settings.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._lifespan(receive, send)

    @cached_property
    def coder(self) -> "Coder":
        """The same hub as the published clients of Coder know one."""
        from roost.api.coder.app import Coder  # only whoever uses it pays for it

        return Coder(self._hub, self._settings, self._streams)

    def end_streams(self) -> None:
        """End every event stream, and every later one at once: the server is about to stop."""
        self._streams.end()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """While the server runs, streams have a heartbeat, and a hub that stops ends them."""

        async def watch() -> None:
            await self._hub.stopping.wait()
            self._streams.end()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            tasks.start_soon(self._streams.beat)
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    break
            tasks.cancel_scope.cancel()

    def _check_sender(self, scope: Scope) -> None:
        """Raises: HostRefused, OriginRefused."""
        host = check_host(scope, self._settings.host, self._settings.allowed_hosts)
        check_origin(scope, host, self._settings.allowed_origins)

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry = Entry(scope, send, scope["method"], self._route(scope))
        try:
            await self._answer(scope, receive, entry.send)
        finally:
            entry.write()

    def _route(self, scope: Scope) -> str:
        """The template of the route, for the log."""
        if scope["path"] in ALONE:
            return scope["path"]
        found = (self.coder if _is_coders(scope) else REST).route_of(scope)
        return UNKNOWN if found is None else found[0]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_sender(scope)
            if scope["path"] in ("/healthz", "/readyz"):
                await self._health(scope, send)
                return
            check_up(self._hub)
            await (self.coder if _is_coders(scope) else self._authenticated)(scope, receive, send)
        except Exception as exc:  # noqa: BLE001  # nothing was sent yet: streams and the framework end their own errors
            await (send_envelope if _is_coders(scope) else send_problem)(send, error_of(exc, scope))

    async def _health(self, scope: Scope, send: Send) -> None:
        _check_method(scope, "GET", "HEAD")
        if scope["path"] == "/readyz":
            check_up(self._hub)
        body = msgspec.json.encode(Health(status="ok", version=__version__))
        await respond(send, 200, [(b"content-type", b"application/json"), (b"cache-control", b"no-store")], body)

    async def _authenticated(self, scope: Scope, receive: Receive, send: Send) -> None:
        streaming = sse.wants_events(scope)
        by = await self._hub.authenticate(key_of(scope, in_query=streaming))
        scope["state"] = {"by": by}  # for the log, should it not be admitted
        scope["state"] = {"hub": self._hub, "by": by, "session": await self._admit(scope, by)}
        match scope["path"].rstrip("/").split("/"):
            case ["", "v1", "sessions", session, "events"] if streaming:
                with self._hub.limits.stream(by):
                    await sse.events(self._hub, self._streams, session, by, scope, receive, send)
            case ["", "v1", "feed"] if streaming:
                with self._hub.limits.stream(by):
                    await sse.feed(self._hub, self._streams, by, scope, receive, send)
            case ["", "metrics"]:
                _check_method(scope, "GET")
                taken = await self._hub.measures.take(by)
                await respond(send, 200, [(b"content-type", metrics.MEDIA_TYPE)], metrics.rendered(taken, __version__))
            case ["", "openapi.json"]:
                _check_method(scope, "GET")
                await self._openapi(send)
            case _:
                found = REST.route_of(scope)
                wait = patient(receive, self.request_seconds, whole=found is None or not found[1])
                await self._rest(scope, wait, send)

    async def _admit(self, scope: Scope, by: Principal) -> Session | None:
        """Every path of a session goes through the hub's gate, and what changes something needs more than a look: also
        what has no route yet. The session, which the route finds again."""
        acts = scope["method"] not in LOOKS or query_of(scope, "wake") == "true"
        if acts:
            self._hub.limits.act(by)
        match scope["path"].rstrip("/").split("/"):
            case ["", "v1", "sessions", session, *_] if session not in NO_SESSIONS:
                try:
                    return await self._hub.admit(session, by, act=acts)
                except (SessionNotFound, Forbidden):
                    REST.check(scope)
                    raise
            case _:
                self._hub.keys.check(by, "controller" if acts else "observer")
                return None

    async def _openapi(self, send: Send) -> None:
        from roost.api.openapi import document  # only whoever asks for it pays for it

        await respond(send, 200, [(b"content-type", b"application/json")], document())

    # --- WebSocket ----------------------------------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry = Entry(scope, send, "SOCKET", _socket_route(scope))
        try:
            await self._upgrade(scope, receive, entry.send)
        finally:
            entry.write()

    async def _upgrade(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_sender(scope)
            match scope["path"].rstrip("/").split("/"):
                case ["", "link"] | ["", "v1", "sessions", _, "socket" | "terminal"] | ["", "api", "ws"] as path:
                    pass
                case _:
                    raise RouteNotFound
        except Exception as exc:  # noqa: BLE001  # whatever it is, the handshake gets an answer
            await receive()
            await refuse_upgrade(scope, send, *problem(error_of(exc, scope)))
            return
        if _is_coders(scope):
            await self.coder.socket(scope, receive, send)
            return
        if len(path) > 2:
            serve = terminal if path[4] == "terminal" else socket
            await serve(self._hub, self._streams, path[3], scope, receive, send)
            return
        from roost.api.link import link_endpoint

        await link_endpoint(self._hub, scope, receive, send)


def _check_method(scope: Scope, *methods: str) -> None:
    """Raises: MethodNotAllowed."""
    if scope["method"] not in methods:
        raise MethodNotAllowed(allow=list(methods))


def _is_coders(scope: Scope) -> bool:
    """Whether this is asked of the Coder view (api/coder)."""
    return scope["path"] == "/coder" or scope["path"].startswith("/api/")


def _socket_route(scope: Scope) -> str:
    match scope["path"].rstrip("/").split("/"):
        case ["", "link"]:
            return "/link"
        case ["", "v1", "sessions", _, "socket" | "terminal" as kind]:
            return f"/v1/sessions/{{session}}/{kind}"
        case ["", "api", "ws"]:
            return "/api/ws"
        case _:
            return UNKNOWN


def make_app(hub: Hub, settings: Settings) -> App:
    """The API of this hub."""
    return App(hub, settings)
