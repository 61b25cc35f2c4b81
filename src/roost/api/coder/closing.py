"""How a socket of theirs is closed, and what is said before (hub-wire 10.5)."""

from typing import Final

from roost.model.errors import (
    HubStopping,
    InvalidRequest,
    Missing,
    RateLimited,
    Refused,
    RoostError,
    TooManyStreams,
    Unauthorized,
    Unavailable,
)  # fmt: skip

DONE: Final = 1000
RESTART: Final = 1012
"""The hub stops: come back. Never one of the 4xxx, most of which are final to their clients."""
INTERNAL: Final = 4500
CODES: Final[dict[str, int]] = {
    "session_archived": 4403,
    "session_closed": 4403,
    "lead_held": 4409,
    "stale_driver": 4410,
}
"""By the code of the error; all others by what kind of error it is."""
KINDS: Final[tuple[tuple[type[RoostError], int], ...]] = (
    (HubStopping, RESTART),
    (Unauthorized, 4401),
    (TooManyStreams, 4429),
    (RateLimited, 4429),
    (InvalidRequest, 4400),
    (Refused, 4403),
    (Missing, 4404),
    (Unavailable, 4408),
)
COME_BACK: Final = frozenset((RESTART, 4408, 4429))
"""After these a client is to reconnect, so it must not be told `connection_rejected`, which stops it for good."""


def code_of(why: RoostError | None) -> int:
    """The close code; None: it has just come to its end."""
    if why is None:
        return DONE
    if why.code in CODES:
        return CODES[why.code]
    return next((code for kind, code in KINDS if isinstance(why, kind)), INTERNAL)
