"""Errors as Coder's clients read them: one JSON object whose `error` and `message` are text, never empty.

Their codes are few; ours is beside them, in `details.code`.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from roost.api.asgi import Header, Send, respond
from roost.api.problems import problem, told_of
from roost.model.errors import InvalidRequest, RoostError

INVALID: Final = "CODER_INVALID_REQUEST"
CODES: Final[dict[str, str]] = {
    "session_not_found": "CODER_SESSION_NOT_FOUND",
    "session_archived": "CODER_SESSION_ARCHIVED",
    "session_closed": "CODER_SESSION_ARCHIVED",
    "session_busy": "CODER_SESSION_CONFLICT",
    "session_asleep": "CODER_SESSION_CONFLICT",
    "session_exists": "CODER_SESSION_CONFLICT",
    "state_conflict": "CODER_SESSION_CONFLICT",
    "illegal_transition": "CODER_SESSION_CONFLICT",
    "idempotency_mismatch": "CODER_SESSION_CONFLICT",
    "queue_full": "CODER_SESSION_CONFLICT",
}
"""Their code by ours. What cannot be carried out as it stands is `INVALID`; all other codes are ours."""
OF_PROBLEMS: Final = frozenset(("type", "title", "status", "detail"))


class Envelope(Struct, frozen=True, kw_only=True):
    """What went wrong. `error` beats `message` there, so both say it."""

    code: str
    error: str
    message: str
    details: dict[str, Any]
    success: bool = False


def code_of(error: RoostError) -> str:
    return CODES.get(error.code, INVALID if isinstance(error, InvalidRequest) else error.code)


def envelope(error: RoostError) -> tuple[int, list[Header], bytes]:
    """Status, headers and body that tell a client of Coder about this error; the status is that of version 1."""
    status, headers, _ = problem(error)
    told = [(b"content-type", b"application/json"), *(h for h in headers if h[0] != b"content-type")]
    text = error.message or error.code
    details = {name: value for name, value in told_of(error).items() if name not in OF_PROBLEMS}
    body = Envelope(code=code_of(error), error=text, message=text, details=details)
    return status, told, msgspec.json.encode(body, enc_hook=str)


async def send_envelope(send: Send, error: RoostError) -> None:
    status, headers, body = envelope(error)
    await respond(send, status, headers, body)
