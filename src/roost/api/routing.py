"""Routes as one ASGI app. The framework routes and converts; what is wrong is told in our words.

Left out of the framework, since it costs start-up and memory: its logging, its OpenAPI, and its support for type
libraries that we do not use.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import structlog
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from roost.api.asgi import ASGIApp, Header, Message, Receive, Scope, Send
from roost.api.call import Call
from roost.api.problems import error_of
from roost.model.errors import BodyTooLarge, InvalidBody, InvalidRequest, MethodNotAllowed, RoostError, RouteNotFound

Told = Callable[[RoostError], tuple[int, list[Header], bytes]]
"""How an error is told: status, headers, body."""

_log = structlog.get_logger("roost.api")


class _Framework(Litestar):
    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        """The framework's own would import pydantic and attrs if they are installed."""
        return [*plugins, MsgspecDIPlugin()]


class Routing:
    """A set of routes, and how their errors are told."""

    def __init__(self, routes: Sequence[HTTPRouteHandler], told: Told) -> None:
        self._handlers = list(routes)
        self._told = told
        self._routes: Final = [
            (_pattern(p), m, p, "takes" in route.opt) for route in routes for m, p in [paths_of(route)]
        ]

    def app(self, max_body_bytes: int) -> ASGIApp:
        """The routes as an app. It finds `hub` and `by` in the scope's state."""

        def refuse(request: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
            scope = cast(Scope, request.scope)
            status, headers, body = self._told(self._error(exc, scope, max_body_bytes) or error_of(exc, scope))
            told = {name.decode(): value.decode() for name, value in headers}
            return Response(body, status_code=status, headers=told, media_type=told["content-type"])

        framework = _Framework(
            self._handlers,
            request_class=Call,
            exception_handlers={Exception: refuse},
            request_max_body_size=max_body_bytes,
            openapi_config=None,
            logging_config=None,
        )

        async def rest(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] == "OPTIONS":
                raise self.no_route(scope)
            started = False

            async def noting(message: Message) -> None:
                nonlocal started
                started = True
                await send(message)

            try:
                await framework(cast(Any, scope), cast(Any, _present(receive)), cast(Any, noting))
            except Exception as exc:
                if not started:
                    raise
                # the server closes the connection: its length was announced, so nobody takes the torn body for a whole
                _log.warning("an answer broke off", route=scope.get("roost.route"), exc_info=exc)

        return rest

    def no_route(self, scope: Scope) -> RoostError:
        """What to say of a method and path that no route has."""
        path = scope["path"].rstrip("/")
        allow = sorted(method for pattern, method, _, _ in self._routes if pattern.fullmatch(path))
        return MethodNotAllowed(allow=allow) if allow else RouteNotFound()

    def check(self, scope: Scope) -> None:
        """Raises: RouteNotFound, MethodNotAllowed: there is no such route, whatever else is wrong."""
        if self.route_of(scope) is None:
            raise self.no_route(scope)

    def route_of(self, scope: Scope) -> tuple[str, bool] | None:
        """The path of the request's route, as OpenAPI writes it, and whether it takes bytes; None: it has none."""
        path = scope["path"].rstrip("/")
        for pattern, method, template, takes in self._routes:
            if method == scope["method"] and pattern.fullmatch(path):
                return template, takes
        return None

    def _error(self, exc: Exception, scope: Scope, max_body_bytes: int) -> RoostError | None:
        """Our word for what the framework refused; None if it was something else."""
        if not isinstance(exc, HTTPException):
            return None
        match exc.status_code:
            case 404 | 405:
                return self.no_route(scope)
            case 413:
                return BodyTooLarge(limit_bytes=max_body_bytes)
            case 400 if isinstance(exc, ValidationException):
                return _invalid(exc.extra, exc.detail, _sent_as(scope))
            case status if status < 500:
                return InvalidRequest(exc.detail)
            case _:
                return None


def paths_of(handler: HTTPRouteHandler) -> tuple[str, str]:
    """Method and path of a route, the path as OpenAPI writes it."""
    (path,), (method,) = handler.paths, handler.http_methods
    return str(method), re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def _pattern(path: str) -> re.Pattern[str]:
    """What a request's path looks like if it is this one's; `path` itself may hold slashes."""
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", re.sub(r"\{(path|key)\}", ".+", path)))


def _present(receive: Receive) -> Receive:
    """`receive` that ends a request whose sender goes before its body is complete, without ado."""
    complete = False

    async def present() -> Message:
        nonlocal complete
        message = await receive()
        if message["type"] == "http.disconnect" and not complete:
            raise InvalidRequest("the request ended before its body was complete")
        complete = complete or not message.get("more_body", False)
        return message

    return present


def _sent_as(scope: Scope) -> dict[str, str]:
    """What the parameters of the request's route are called by who sends them, where we have another word."""
    handler: Any = scope.get("route_handler")
    if not isinstance(handler, HTTPRouteHandler):
        return {}
    parameters = handler.parsed_fn_signature.parameters
    named = {ours: getattr(each.kwarg_definition, "name", None) for ours, each in parameters.items()}
    return {ours: name for ours, name in named.items() if name}


def _invalid(extra: Any, detail: str, sent_as: dict[str, str]) -> RoostError:
    """The framework lists what does not fit: `data` is the body, everything else a parameter. Of one that is missing it
    says so in words."""
    found = cast("list[dict[str, str]]", extra if isinstance(extra, list) else [])
    if any(entry.get("key") == "data" for entry in found):
        return InvalidBody("this route needs a JSON body")
    told = [(entry.get("key", "request"), entry["message"]) for entry in found]
    return InvalidRequest("; ".join(f"{sent_as.get(key, key)}: {message}" for key, message in told) or detail)
