"""What an error looks like on the wire (RFC 9457), and the one table that gives each code its HTTP status."""

import errno
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct

from roost.api.asgi import Header, Scope, Send, respond
from roost.model.errors import LimitReached, MethodNotAllowed, RoostError
from roost.processes import NO_THREAD

STATUS: Final[dict[str, int]] = {
    "internal": 500,
    "invalid_request": 400,
    "invalid_body": 400,
    "invalid_cursor": 400,
    "cursor_ahead": 400,
    "body_too_large": 413,
    "method_not_allowed": 405,
    "request_timed_out": 408,
    "workspace_invalid": 400,
    "agent_unknown": 400,
    "agent_not_configured": 400,
    "driver_unknown": 400,
    "not_text": 400,
    "bundle_invalid": 400,
    "persona_unpublished": 400,
    "option_unknown": 400,
    "refused": 403,
    "unauthorized": 401,
    "forbidden": 403,
    "host_refused": 403,
    "origin_refused": 403,
    "path_outside": 403,
    "not_found": 404,
    "route_not_found": 404,
    "session_not_found": 404,
    "run_not_found": 404,
    "message_not_found": 404,
    "permission_not_found": 404,
    "file_missing": 404,
    "key_not_found": 404,
    "artifact_not_found": 404,
    "blob_not_found": 404,
    "not_in_library": 404,
    "native_not_found": 404,
    "loop_not_found": 404,
    "command_not_found": 404,
    "gone": 410,
    "cursor_trimmed": 410,
    "session_archived": 410,
    "session_closed": 410,
    "conflict": 409,
    "session_busy": 409,
    "session_asleep": 409,
    "idempotency_mismatch": 409,
    "loop_ended": 409,
    "loop_running": 409,
    "workspace_dirty": 409,
    "queue_full": 409,
    "too_many_keys": 409,
    "too_many_streams": 429,
    "rate_limited": 429,
    "state_conflict": 409,
    "config_conflict": 409,
    "session_exists": 409,
    "name_taken": 409,
    "library_full": 409,
    "forge_not_connected": 409,
    "illegal_transition": 409,
    "not_a_file": 409,
    "not_a_folder": 409,
    "merge_conflict": 409,
    "merge_refused": 409,
    "shell_timeout": 422,
    "fenced": 409,
    "lead_held": 409,
    "screen_missing": 409,
    "stale_driver": 409,
    "stale_epoch": 409,
    "producer_gap": 409,
    "unavailable": 503,
    "hub_stopping": 503,
    "hub_unreachable": 503,
    "link_down": 503,
    "limit_reached": 503,
    "host_busy": 503,
    "stream_lost": 503,
    "screen_lost": 503,
    "forge_failed": 502,
    "storage_unavailable": 503,
    "storage_full": 507,
    "timed_out": 504,
    "agent_failed": 500,
    "agent_gone": 500,
    "agent_login_required": 500,
    "agent_install_failed": 500,
    "fatal": 500,
    "data_locked": 500,
    "data_unwritable": 500,
    "schema_too_new": 500,
    "spool_full": 500,
    "start_failed": 500,
    "agent_not_installed": 500,
    "agent_unattended": 500,
    "sandbox_unavailable": 409,
    "mcp_unsupported": 500,
    "protocol_mismatch": 500,
}
"""Status by code: every class of the error tree has its row."""
RETRY_AFTER_SECONDS: Final[dict[int, int]] = {503: 1, 504: 1, 507: 30}
"""When to come back, for the statuses that pass by themselves."""

_log = structlog.get_logger("roost.api")


class Problem(Struct, frozen=True, kw_only=True):
    """What went wrong. `code` is stable; further fields depend on it."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def problem(error: RoostError) -> tuple[int, list[Header], bytes]:
    """Status, headers and body that tell the client about this error."""
    told = told_of(error)
    status = told["status"]
    headers: list[Header] = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="roost"'))
    wait = error.details.get("retry_after_seconds", RETRY_AFTER_SECONDS.get(status))
    if wait is not None:
        headers.append((b"retry-after", b"%d" % wait))
    if status == 408:
        headers.append((b"connection", b"close"))  # the rest of it is not waited for
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.details.get("allow", ())).encode()))
    return status, headers, msgspec.json.encode(told, enc_hook=str)


def told_of(error: RoostError) -> dict[str, Any]:
    """The fields of the problem, with the error's details."""
    status = STATUS.get(error.code, 500)
    title = HTTPStatus(status).phrase
    told = Problem(type="about:blank", title=title, status=status, detail=error.message, code=error.code)
    details = {name: value for name, value in error.details.items() if value is not None and not hasattr(told, name)}
    return msgspec.structs.asdict(told) | details


def error_of(exc: Exception, scope: Scope) -> RoostError:
    """The error of ours that this exception means to the client. What nobody expected is logged, and told as
    `internal` without its content."""
    if isinstance(exc, RoostError):
        return exc
    if _is_at_limit(exc):
        _log.error("a limit of the system is reached", route=scope.get("roost.route"), detail=str(exc))
        return LimitReached()
    _log.error("unexpected error", method=scope.get("method"), route=scope.get("roost.route"), exc_info=exc)
    return RoostError("Something went wrong in the hub; its log says what.")


def _is_at_limit(exc: Exception) -> bool:
    """Whether the system has refused a file, a process or a thread."""
    if isinstance(exc, OSError):
        return exc.errno in (errno.EMFILE, errno.ENFILE, errno.EAGAIN)
    return isinstance(exc, RuntimeError) and str(exc) == NO_THREAD


async def send_problem(send: Send, error: RoostError) -> None:
    status, headers, body = problem(error)
    await respond(send, status, headers, body)
