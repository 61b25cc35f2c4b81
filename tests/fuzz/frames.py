"""Frames that nobody should send: random JSON, valid frames with something changed, and bytes of all kinds."""

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

ODD: Final[Sequence[Any]] = (
    None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**40, 1.5, 1e308, "", "x", "\0",
    "é\u2028", "\U0001f600" * 50, "../..", "codesess_00000000000000000000000000", "x" * 5000, [], {}, [[]], [None],
    {"": None},    {"type": "ping"}, ["run-start"] * 200,
)  # fmt: skip
"""Values where something else is expected."""
BROKEN: Final[Sequence[bytes]] = (
    b"", b" ", b"null", b"[]", b"{", b"}", b'""', b"\xef\xbb\xbf{}", b'{"type":}', b'{"type":"ping"}{"type":"ping"}',
    b'{"type":"ping","type":"follow"}', b'"\\ud800"', b'{"type":"\\ud800"}', b"1e999", b"-", b"NaN", b"[" * 100_000,
    b'{"a":' * 100_000, b'{"type":"ping","id":' + b"[" * 100_000, b"9" * 10_000, b'{"id":"' + b"x" * 100_000 + b'"}',
)  # fmt: skip
"""What is no frame at all, or is one too many."""


def deep(frame: Mapping[str, Any], field: str) -> bytes:
    """The frame with a value in this field that is nested far too deeply."""
    shallow = msgspec.json.encode({**frame, field: "@"})
    return shallow.replace(b'"@"', b"[" * 50_000 + b"]" * 50_000)


def mutated(chance: random.Random, frame: Mapping[str, Any]) -> bytes:
    """The frame, or something like it."""
    match chance.randrange(8):
        case 0:
            return msgspec.json.encode(frame)
        case 1:
            return chance.choice(BROKEN)
        case 2:
            return deep(frame, chance.choice([*frame, "more"]))
        case 3:
            encoded = bytearray(msgspec.json.encode(frame))
            encoded[chance.randrange(len(encoded))] = chance.randrange(32, 127)
            return bytes(encoded)
        case 4:
            encoded = msgspec.json.encode(frame)
            return encoded[: chance.randrange(len(encoded))]
        case 5:
            left = dict(frame)
            left.pop(chance.choice([*frame]))
            return msgspec.json.encode(left)
        case _:
            return json_of(changed(chance, frame))


def changed(chance: random.Random, value: Any) -> Any:
    """The value with an odd one somewhere in it."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice([*value])
        return {**value, name: changed(chance, value[name])}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], changed(chance, value[at]), *value[at + 1 :]]
    return chance.choice(ODD)


def json_of(value: Any) -> bytes:
    """Like msgspec, but for whole numbers of any size."""
    return json.dumps(value).encode()
