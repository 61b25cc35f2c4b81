"""The envelope around a body, and the one place that turns bodies into bytes and back."""

from functools import cached_property
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from roost.model import events as e
from roost.model.errors import InvalidBody
from roost.model.ids import RunId, Seq


class Unknown(Struct, frozen=True, kw_only=True):
    """A body of a type this version does not know. `raw` keeps its bytes; it encodes to the same bytes."""

    type: str
    raw: bytes


BODIES: Final[tuple[type[e.Body], ...]] = tuple(
    cls for cls in vars(e).values()
    if isinstance(cls, type) and issubclass(cls, e.Body) and cls not in (e.Body, e.Said)
)
"""Every event struct, in the order of `events.py`."""

BY_TAG: Final[dict[str, type[e.Body]]] = {str(cls.__struct_config__.tag): cls for cls in BODIES}
DELTAS: Final[frozenset[type]] = frozenset({e.TextDelta, e.ReasoningDelta, e.ToolInputDelta, e.ToolDelta})
"""Events that only stream a part; everything else also enters the hub feed."""

AnyBody = e.Body | Unknown


class _Tag(Struct):
    type: str


_union: Any = BODIES[0]
for _cls in BODIES[1:]:
    _union = _union | _cls
_body_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_union)
_tag_decoder = msgspec.json.Decoder(_Tag)
_encoder = msgspec.json.Encoder()


def tag_of(body: AnyBody) -> str:
    """The wire name of a body, `text-delta` and the like."""
    return body.type if isinstance(body, Unknown) else str(body.__struct_config__.tag)


def encode_body(body: AnyBody) -> bytes:
    return body.raw if isinstance(body, Unknown) else _encoder.encode(body)


def decode_body(raw: bytes | Raw) -> AnyBody:
    """The typed body of these bytes; `Unknown` if its type is not known here.

    Raises: InvalidBody: not a JSON object with a `type`, or a known type with fields of the wrong shape.
    """
    try:
        return _body_decoder.decode(raw)
    except msgspec.ValidationError as error:
        try:
            tag = _tag_decoder.decode(raw).type
        except msgspec.MsgspecError:
            raise InvalidBody(f"not an event: {error}") from None
        if tag in BY_TAG:
            raise InvalidBody(f"{tag}: {error}") from None
        return Unknown(type=tag, raw=bytes(raw))
    except msgspec.DecodeError as error:
        raise InvalidBody(f"not an event: {error}") from None


class Event(Struct, frozen=True, kw_only=True, dict=True):
    """One fact in a session's log.

    `seq`: from 1, without holes, the cursor. `at`: milliseconds since the epoch, for people. `run`: the run it belongs
    to. `by`: who acted, where a person or program did. `raw` (on the wire `body`): the body's original bytes.
    """

    seq: Seq
    at: int
    raw: Raw = field(name="body")
    run: RunId | UnsetType = UNSET
    by: e.Principal | UnsetType = UNSET

    @cached_property
    def body(self) -> AnyBody:
        return decode_body(self.raw)

    @property
    def type(self) -> str:
        return tag_of(self.body)


_event_decoder = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """The wire form: one JSON object, the body byte for byte as it was written."""
    return _encoder.encode(event)


def decode_event(raw: bytes | str) -> Event:
    """Raises: InvalidBody: these bytes are not an event."""
    try:
        return _event_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise InvalidBody(f"not an event: {error}") from None


class Draft(Struct, frozen=True, kw_only=True):
    """An event before its commit: no seq and no time yet. `raw` are the bytes to keep; `body` is what they mean."""

    body: AnyBody
    raw: bytes
    run: RunId | UnsetType = UNSET
    by: e.Principal | UnsetType = UNSET


def draft(body: AnyBody, *, run: RunId | UnsetType = UNSET, by: e.Principal | UnsetType = UNSET) -> Draft:
    return Draft(body=body, raw=encode_body(body), run=run, by=by)


__all__ = [
    "BODIES", "BY_TAG", "DELTAS", "UNSET", "AnyBody", "Draft", "Event", "Unknown",
    "decode_body", "decode_event", "draft", "encode_body", "encode_event", "tag_of",
]  # fmt: skip
