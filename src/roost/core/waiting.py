"""How much input may wait: what a session's record keeps of it is bounded, in number and in size."""

from typing import Final

import msgspec
from msgspec import UNSET

from roost.model import events as e
from roost.model.errors import QueueFull
from roost.model.record import Record

MAX_QUEUE: Final = 100
MAX_WAITING_BYTES: Final = 4 * 1024 * 1024
"""Of all inputs that wait, encoded: in the queue, and steered into the open run."""


def check_room(record: Record, parts: tuple[e.InputPart, ...], *, queued: bool) -> None:
    """Raises: QueueFull: this is one too many for the queue, or too large beside what waits."""
    if queued and len(record.queue) >= MAX_QUEUE:
        raise QueueFull(limit=MAX_QUEUE)
    steers = record.run.steers if record.run is not UNSET else ()
    waiting = [parts, *(entry.input for entry in (*record.queue, *steers))]
    if sum(len(msgspec.json.encode(each)) for each in waiting) > MAX_WAITING_BYTES:
        raise QueueFull(
            f"inputs of more than {MAX_WAITING_BYTES} bytes would wait: put large content into files",
            limit_bytes=MAX_WAITING_BYTES,
        )
