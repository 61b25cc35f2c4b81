"""The envelope around a body, and the one place that turns bodies into bytes and back."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from roost.model import events as e
from roost.model.errors import InvalidBody
from roost.model.ids import RunId, Seq
from roost.model.unreadable import MAX_NESTING, UNREADABLE, shallow, too_deep


class Unknown(Struct, frozen=True, kw_only=True):
    """A body this version cannot read: its type or its shape is not known here. It encodes to the same bytes, `raw`."""

    type: str
    raw: bytes


BODIES: Final[tuple[type[e.Body], ...]] = tuple(
    cls for cls in vars(e).values() if isinstance(cls, type) and issubclass(cls, e.Body) and cls not in (e.Body, e.Said)
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
_bodies_decoder: msgspec.json.Decoder[list[e.Body]] = msgspec.json.Decoder(list[_union])
_tag_decoder = msgspec.json.Decoder(_Tag)
_encoder = msgspec.json.Encoder()


def tag_of(body: AnyBody) -> str:
    """The wire name of a body, `text-delta` and the like."""
    return body.type if isinstance(body, Unknown) else str(body.__struct_config__.tag)


def encode_body(body: AnyBody) -> bytes:
    return body.raw if isinstance(body, Unknown) else _encoder.encode(body)


def decode_body(raw: bytes | Raw) -> AnyBody:
    """The typed body of these bytes; `Unknown` if its type is not known here.

    Raises: InvalidBody: not a JSON object with a `type`, or a known type with fields of the wrong shape, or nested too
    deeply.
    """
    if too_deep(bytes(raw)):
        raise InvalidBody(f"nested more than {MAX_NESTING} deep")
    try:
        return _body_decoder.decode(raw)
    except msgspec.ValidationError as error:
        try:
            tag = _tag_decoder.decode(raw).type
        except UNREADABLE:
            raise InvalidBody(f"not an event: {error}") from None
        if tag in BY_TAG:
            raise InvalidBody(f"{tag}: {error}") from None
        return Unknown(type=tag, raw=bytes(raw))
    except UNREADABLE as error:
        raise InvalidBody(f"not an event: {error}") from None


def decode_bodies(raws: Sequence[Raw]) -> Sequence[AnyBody] | None:
    """What `decode_body` gives for each of these, in one go; None if any of them needs a look of its own."""
    joined = b"[%b]" % b",".join(raws)
    if shallow(joined):
        with suppress(*UNREADABLE):
            return _bodies_decoder.decode(joined)
    return None


def read_body(raw: bytes | Raw) -> AnyBody:
    """The body of a committed event. A known type of another shape is `Unknown` too: a newer version wrote it.

    Raises: InvalidBody: not a JSON object with a `type`.
    """
    try:
        return decode_body(raw)
    except InvalidBody:
        try:
            return Unknown(type=_tag_decoder.decode(raw).type, raw=bytes(raw))
        except UNREADABLE as error:
            raise InvalidBody(f"not an event: {error}") from None


class _Once:
    """A property computed at its first use: `functools.cached_property` without the lock it has in Python 3.11."""

    def __init__(self, compute: Callable[["Event"], AnyBody]) -> None:
        self._compute = compute

    def __get__(self, event: "Event", owner: type | None = None) -> AnyBody:
        return _keep(event, self._compute(event))


def _keep(event: "Event", body: AnyBody) -> AnyBody:
    cast(dict[str, AnyBody], event.__dict__)["body"] = body
    return body


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

    @_Once
    def body(self) -> AnyBody:
        """What the bytes mean. Raises: InvalidBody: no event at all; a store never holds that."""
        return read_body(self.raw)

    @property
    def type(self) -> str:
        return tag_of(self.body)


_event_decoder = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """The wire form: one JSON object, the body byte for byte as it was written."""
    return _encoder.encode(event)


class _Tail(Struct):
    """How an event ends."""

    run: RunId | UnsetType
    by: e.Principal | UnsetType


def encode_committed(drafts: Sequence["Draft"], *, first: Seq, at: int) -> list[bytes]:
    """`encode_event` of the events that these drafts become: they differ in little else than their bodies."""
    frames: list[bytes] = []
    run: RunId | UnsetType = UNSET
    by: e.Principal | UnsetType = UNSET
    head, tail = b',"at":%d,"body":' % at, b"}"
    for seq, draft in enumerate(drafts, first):
        if draft.run != run or draft.by != by:
            run, by = draft.run, draft.by
            more = _encoder.encode(_Tail(run, by))[1:]
            tail = more if more == b"}" else b"," + more
        frames.append(b'{"seq":%d%b%b%b' % (seq, head, draft.raw, tail))
    return frames


def decode_event(raw: bytes | str) -> Event:
    """Raises: InvalidBody: these bytes are not an event."""
    try:
        return _event_decoder.decode(raw)
    except UNREADABLE as error:
        raise InvalidBody(f"not an event: {error}") from None


class Draft(Struct, frozen=True):
    """An event before its commit: no seq and no time yet. `raw` are the bytes to keep; `body` is what they mean."""

    body: AnyBody
    raw: bytes
    run: RunId | UnsetType = UNSET
    by: e.Principal | UnsetType = UNSET


def draft(body: AnyBody, *, run: RunId | UnsetType = UNSET, by: e.Principal | UnsetType = UNSET) -> Draft:
    return Draft(body=body, raw=encode_body(body), run=run, by=by)


def committed(written: Draft, *, seq: Seq, at: int) -> Event:
    """The event that this draft becomes; its body is not decoded again."""
    event = Event(seq=seq, at=at, raw=Raw(written.raw), run=written.run, by=written.by)
    _keep(event, written.body)
    return event


__all__ = [
    "BODIES", "BY_TAG", "DELTAS", "UNSET", "AnyBody", "Draft", "Event", "Unknown",
    "committed", "decode_bodies", "decode_body", "decode_event", "draft", "encode_body", "encode_committed",
    "encode_event", "read_body", "tag_of",
]  # fmt: skip
