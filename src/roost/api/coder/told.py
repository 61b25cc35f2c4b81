"""What is told live, as the published clients name it (hub-wire 11): one event of theirs, its category, its bytes."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from roost.model.ids import Seq, SessionId

PREFIXES: Final[dict[str, str]] = {
    "session": "session",
    "presence": "session",
    "agent": "agent",
    "turn": "agent",
    "before": "agent",
    "message": "message",
    "thinking": "message",
    "user": "message",
    "tool": "tool",
    "task": "task",
    "runtime": "runtime",
    "loop": "loop",
    "coord": "coord",
    "rpc": "rpc",
    "queue": "rpc",
}
"""The category of a name, by its first word; of all others it is `agent` (compaction, retries)."""
MAX_PATTERNS: Final = 100
EVERYTHING: Final[frozenset[str]] = frozenset()
"""No pattern: all events."""


class Told(Struct, frozen=True, kw_only=True):
    """One event of theirs. `seq`: of the event of ours that it came from. `at`: in ms, rising from one to the next,
    with fractions where several fall into one."""

    name: str
    data: dict[str, Any]
    seq: Seq
    at: float


class Broadcast(Struct, frozen=True, kw_only=True, tag_field="type", tag="broadcast"):
    """A frame of live traffic. All fields are required there."""

    event: str
    data: dict[str, Any]
    category: str
    sessionId: SessionId  # noqa: N815  # the wire's word
    timestamp: float


_encoder = msgspec.json.Encoder(enc_hook=str)


def category(name: str) -> str:
    return PREFIXES.get(name.partition("_")[0], "agent")


def encoded(told: Told, session: SessionId) -> bytes:
    """As a frame: one JSON object without a line break."""
    frame = Broadcast(
        event=told.name, data=told.data, category=category(told.name), sessionId=session, timestamp=told.at
    )
    return _encoder.encode(frame)


def patterns(written: str | None) -> frozenset[str]:
    """A comma list of names, categories, prefixes with a trailing `*`, or `*`; nothing is everything."""
    named = frozenset(filter(None, (entry.strip() for entry in (written or "").split(","))))
    return EVERYTHING if "*" in named else frozenset(sorted(named)[:MAX_PATTERNS])


def wanted(name: str, by: frozenset[str]) -> bool:
    """Whether an event of this name is one of those asked for."""
    if not by or name in by or category(name) in by:
        return True
    return any(pattern.endswith("*") and name.startswith(pattern[:-1]) for pattern in by)
