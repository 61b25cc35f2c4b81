"""Prompts for the scripted agent, with events of exactly the size that is measured."""

import json
from typing import Final

from bench.sizes import EVENT_BYTES
from roost.model.envelope import encode_body
from roost.model.events import TextDelta
from roost.model.ids import new_message_id, new_part_id

ENDLESS: Final = 99_999_999
STAMP: Final = ',"T":"0000000000000000000 0000000000"'


def text_delta(size: int = EVENT_BYTES) -> bytes:
    """The body of a delta that is `size` bytes long."""
    message, part = new_message_id(), new_part_id()
    empty = len(encode_body(TextDelta(message=message, part=part, delta="")))
    return encode_body(TextDelta(message=message, part=part, delta="." * (size - empty)))


def deltas(count: int, *, per_second: float = 0, stamp: bool = False) -> str:
    """`count` deltas whose bodies are EVENT_BYTES long, the stamp included."""
    text = EVENT_BYTES - len(text_delta()) + len(json.loads(text_delta())["delta"]) - (len(STAMP) if stamp else 0)
    step = {"count": count, "bytes": text, "per_second": per_second, "stamp": stamp}
    return "script:" + json.dumps([{"deltas": step}])
