"""How deep JSON may be nested, to the level."""

import json

import pytest
from msgspec import Raw

from roost.model.envelope import decode_bodies, decode_body
from roost.model.errors import InvalidBody
from roost.model.unreadable import MAX_NESTING, too_deep


def nested(depth: int) -> bytes:
    """A tool call whose input makes it `depth` levels deep in all."""
    value = b"[" * (depth - 1) + b"]" * (depth - 1)
    return b'{"type":"tool-start","message":"m","part":"p","call":"c","tool":"t","input":%b}' % value


@pytest.mark.parametrize(("depth", "deep"), [(2, False), (MAX_NESTING, False), (MAX_NESTING + 1, True), (5000, True)])
def test_the_limit_of_nesting_is_exact(depth: int, deep: bool) -> None:
    assert too_deep(nested(depth)) is deep


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
def test_the_limit_is_exact_where_all_is_of_one_kind(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    assert not too_deep(opening * MAX_NESTING + b"1" + closing * MAX_NESTING)
    assert too_deep(opening * (MAX_NESTING + 1) + b"1" + closing * (MAX_NESTING + 1))


def test_many_brackets_side_by_side_or_in_text_are_not_deep() -> None:
    wide = json.dumps({"a": [[] for _ in range(1000)], "b": "[" * 1000, "c": '\\"' + "{" * 1000}).encode()
    assert not too_deep(wide)


def test_an_event_at_the_limit_is_read_and_one_beyond_it_is_refused() -> None:
    assert decode_body(nested(MAX_NESTING))
    with pytest.raises(InvalidBody, match="nested"):
        decode_body(nested(MAX_NESTING + 1))


GOOD = b'{"type":"text-delta","message":"m","part":"p","delta":"[{"}'


def test_many_bodies_are_read_at_once_as_each_would_be() -> None:
    raws = [Raw(GOOD), Raw(nested(MAX_NESTING // 2)), Raw(b' {"type": "run-phase", "phase": "planning"}\n')]
    assert decode_bodies(raws) == [decode_body(raw) for raw in raws]
    assert decode_bodies([]) == []


@pytest.mark.parametrize(
    "bad",
    [b"null", b"{}", b'{"type":"from-tomorrow"}', b'{"type":"text-delta"}', b"[" * 5000, nested(MAX_NESTING + 1)],
    ids=["no object", "no type", "unknown", "other shape", "no end", "too deep"],
)
def test_bodies_of_which_one_needs_a_look_of_its_own_are_not_read_at_once(bad: bytes) -> None:
    assert decode_bodies([Raw(GOOD), Raw(bad)]) is None
