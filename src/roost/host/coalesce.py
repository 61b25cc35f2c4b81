"""Which events leave when: the first delta of a part at once, later ones together. Pure; the caller brings the time.

Order is kept per part, and between deltas and everything else; deltas of different parts may pass each other.
"""

from collections.abc import Iterator

from msgspec import UNSET, Struct
from msgspec.structs import replace

from roost.model.envelope import encode_body
from roost.model.events import (
    Body,
    PartDone,
    ReasoningDelta,
    TextDelta,
    ToolComplete,
    ToolDelta,
    ToolError,
    ToolInputDelta,
)  # fmt: skip

QUIET_SECONDS = 0.025
"""At most one event per part in this time,"""
FULL_CHARS = 1024
"""unless this much has come together."""
PIECE_CHARS = 32 * 1024
"""A longer delta is cut, so that its event stays within the log's limit however it is escaped."""

Delta = TextDelta | ReasoningDelta | ToolInputDelta | ToolDelta
_DELTAS = (TextDelta, ReasoningDelta, ToolInputDelta, ToolDelta)
_ENDS_PART = (PartDone, ToolComplete, ToolError)
_Key = tuple[type, str]


class _Open(Struct):
    """A part that streams: when its last event left, and what has come since."""

    left: float
    first: Delta | None = None
    texts: list[str] = []
    chars: int = 0


class Coalescer:
    """Collects deltas of one run. What its methods return is to be sent at once, in that order."""

    def __init__(self) -> None:
        self._open: dict[_Key, _Open] = {}
        self._held: dict[_Key, _Open] = {}

    @property
    def deadline(self) -> float | None:
        """When `due` has something to return, on the clock of `now`; None: nothing is held."""
        if not self._held:
            return None
        return min(part.left for part in self._held.values()) + QUIET_SECONDS

    def add(self, body: Body | bytes, now: float) -> list[bytes]:
        """Take one event; bytes are ready-made and never held or joined."""
        if isinstance(body, bytes):
            return [*self.flush(now), body] if self._held else [body]
        if isinstance(body, _DELTAS) and not (isinstance(body, TextDelta) and body.stamp is not UNSET):
            return self._delta(body, now)
        ready = self.flush(now)
        if isinstance(body, _ENDS_PART):
            for kind in _DELTAS:
                self._open.pop((kind, body.part), None)
        return [*ready, encode_body(body)]

    def due(self, now: float) -> list[bytes]:
        """What has waited long enough."""
        late = [key for key, part in self._held.items() if part.left + QUIET_SECONDS <= now]
        return [body for key in late for body in self._release(key, now)]

    def flush(self, now: float) -> list[bytes]:
        """Everything held."""
        return [body for key in list(self._held) for body in self._release(key, now)]

    def _delta(self, body: Delta, now: float) -> list[bytes]:
        key = (type(body), body.part)
        part = self._open.get(key)
        if part is None:
            ready = self.flush(now)
            self._open[key] = _Open(now)
            return [*ready, *_pieces(body)]
        if part.first is None and part.left + QUIET_SECONDS <= now:
            part.left = now
            return list(_pieces(body))
        if part.first is None:
            part.first, part.texts, part.chars = body, [], 0
            self._held[key] = part
        part.texts.append(body.delta)
        part.chars += len(body.delta)
        return self._release(key, now) if part.chars >= FULL_CHARS else []

    def _release(self, key: _Key, now: float) -> list[bytes]:
        part = self._held.pop(key)
        body, part.first, part.left = part.first, None, now
        return [] if body is None else list(_pieces(replace(body, delta="".join(part.texts))))


def _pieces(body: Delta) -> Iterator[bytes]:
    if len(body.delta) <= PIECE_CHARS:
        yield _encoded(body)
        return
    for start in range(0, len(body.delta), PIECE_CHARS):
        yield _encoded(replace(body, delta=body.delta[start : start + PIECE_CHARS]))


def _encoded(body: Delta) -> bytes:
    """Half a character (a lone surrogate) is no text and becomes a question mark."""
    try:
        return encode_body(body)
    except UnicodeEncodeError:
        return encode_body(replace(body, delta=body.delta.encode(errors="replace").decode()))
