"""Events keep their bytes: those we know, those we do not know yet, and those that somebody else extended."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from msgspec import UNSET, Raw, inspect

from roost.model import events as e
from roost.model.envelope import (
    BODIES,
    BY_TAG,
    DELTAS,
    Event,
    Unknown,
    committed,
    decode_body,
    decode_event,
    draft,
    encode_body,
    encode_committed,
    encode_event,
    tag_of,
)
from roost.model.errors import InvalidBody
from tests.model.bodies import any_body
from tests.model.stories import ANN, event, message, part, run

GOLDEN = (Path(__file__).parents[1] / "golden/events.jsonl").read_bytes().splitlines()
LINES = {decode_event(line).type: line for line in GOLDEN}
kinds = pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__struct_config__.tag)


def test_there_is_one_golden_line_for_each_event_and_in_their_order() -> None:
    assert [decode_event(line).type for line in GOLDEN] == list(BY_TAG)


@kinds
def test_a_golden_line_decodes_and_encodes_to_the_same_bytes(kind: type[e.Body]) -> None:
    line = LINES[str(kind.__struct_config__.tag)]
    read = decode_event(line)
    assert type(read.body) is kind
    assert encode_event(read) == line
    assert encode_body(read.body) == bytes(read.raw)


@kinds
def test_a_golden_line_shows_every_field(kind: type[e.Body]) -> None:
    shown = msgspec.json.decode(LINES[str(kind.__struct_config__.tag)])["body"]
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    assert list(shown) == ["type", *(field.encode_name for field in info.fields)]


@kinds
def test_what_is_absent_is_left_out_and_never_null(kind: type[e.Body]) -> None:
    body = decode_event(LINES[str(kind.__struct_config__.tag)]).body
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    needed = {field.name: getattr(body, field.name) for field in info.fields if field.required}
    least = encode_body(kind(**needed))
    assert b"null" not in least
    assert set(msgspec.json.decode(least)) == {"type", *needed}
    assert decode_body(least) == kind(**needed)


@given(any_body)
def test_every_body_survives_a_round_trip(body: e.Body) -> None:
    assert decode_body(encode_body(body)) == body


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"thought-experiment","weight":3,"nested":{"a":[1,null]}}',
        b'{ "weight" : 1.50 , "type" : "thought-experiment" }',
        b'{"type":"text-delta-2","delta":"\\u00e9 \xc3\xa9"}',
        b'{"type":""}',
    ],
)
def test_a_body_of_unknown_type_keeps_its_bytes(raw: bytes) -> None:
    line = b'{"seq":9,"at":1,"body":' + raw + b',"run":"run_1"}'
    read = decode_event(line)
    assert isinstance(read.body, Unknown)
    assert read.type == msgspec.json.decode(raw)["type"]
    assert encode_event(read) == line
    assert encode_body(read.body) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"run-aborted","reason":"x","shade":"grey","read":4}',
        b'{"shade":null, "type":"run-aborted"}',
        b'{"type":"tool-complete","message":"m","part":"p","call":"c","metadata":{"z":1,"a":{"b":null}},"extra":[]}',
    ],
)
def test_unknown_fields_of_a_known_body_stay_in_the_log_and_on_the_wire(raw: bytes) -> None:
    line = b'{"seq":9,"at":1,"body":' + raw + b"}"
    read = decode_event(line)
    assert type(read.body) in BODIES
    assert encode_event(read) == line
    written = committed(msgspec.structs.replace(draft(read.body), raw=raw), seq=9, at=1)
    assert encode_event(written) == line


def test_a_known_type_of_another_shape_is_refused_as_input_and_kept_when_it_is_in_a_log() -> None:
    raw = b'{"type":"permission-replied","request":"req_1","reply":"maybe"}'
    with pytest.raises(InvalidBody, match="permission-replied"):
        decode_body(raw)
    read = decode_event(b'{"seq":9,"at":1,"body":' + raw + b"}")
    assert read.body == Unknown(type="permission-replied", raw=raw)
    assert read.type == "permission-replied"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"3", b'"text-delta"', b"{}", b'{"type":3}', b'{"type":null}'])
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidBody):
        decode_body(raw)
    with pytest.raises(InvalidBody):
        decode_event(raw)


def test_null_is_not_a_way_to_say_absent() -> None:
    with pytest.raises(InvalidBody):
        decode_body(b'{"type":"part-done","message":"m","part":"p","text":null}')


def test_a_stamp_rides_beside_the_text_as_a_field_of_its_own() -> None:
    body = e.TextDelta(message=message(), part=part(), delta="00000000.", stamp="0" * 19 + " " + "0" * 10)
    assert encode_body(body).endswith(b'"delta":"00000000.","T":"0000000000000000000 0000000000"}')


def test_a_committed_draft_is_the_event_that_was_written() -> None:
    written = committed(draft(e.AbortRequested(), run=run(), by=ANN), seq=3, at=8)
    assert written == Event(seq=3, at=8, raw=Raw(b'{"type":"abort-requested"}'), run=run(), by=ANN)
    assert decode_event(encode_event(written)).body == written.body == e.AbortRequested()
    assert event(1, e.AbortRequested()).run is UNSET


def test_tags_are_kebab_case_and_their_own() -> None:
    assert len(BY_TAG) == len(BODIES) == len({tag_of(decode_event(line).body) for line in GOLDEN})
    assert all(tag == tag.lower() and tag.replace("-", "").isalpha() for tag in BY_TAG)
    assert {tag_of_kind for tag_of_kind, kind in BY_TAG.items() if kind in DELTAS} == {
        "text-delta",
        "reasoning-delta",
        "tool-input-delta",
        "tool-delta",
    }


def test_every_event_and_every_field_has_room_to_grow() -> None:
    """Old logs stay readable only if structs allow what they do not know and never need what they did not have."""
    for kind in BODIES:
        assert not kind.__struct_config__.forbid_unknown_fields
        assert kind.__struct_config__.frozen
        assert kind.__struct_config__.omit_defaults


def test_events_encoded_together_are_encoded_as_each_alone() -> None:
    body = e.TextDelta(message=message(), part=part(), delta=",}")
    ben = e.Principal(user="ben,}", key=",}")
    named = [(who, by) for who in (UNSET, run(1), run(2)) for by in (UNSET, ANN, ben, UNSET)]
    made = [draft(body, run=who, by=by) for who, by in named]
    alone = [encode_event(committed(each, seq=seq, at=12)) for seq, each in enumerate(made, 7)]
    assert encode_committed(made, first=7, at=12) == alone
