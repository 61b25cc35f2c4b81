"""Deltas: the first at once, the rest together; nothing lost, order kept."""

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from roost.host.coalesce import FULL_CHARS, PIECE_CHARS, QUIET_SECONDS, Coalescer
from roost.model.envelope import decode_body, encode_body
from roost.model.events import (
    MAX_BODY_BYTES,
    Body,
    MessageStart,
    PartDone,
    ReasoningDelta,
    TextDelta,
    ToolDelta,
)
from roost.model.ids import MessageId, PartId

MESSAGE = MessageId("msg_1")
DELTAS = (TextDelta, ReasoningDelta, ToolDelta)


def delta(text: str, part: str = "p") -> TextDelta:
    return TextDelta(message=MESSAGE, part=PartId(part), delta=text)


def done(part: str = "p") -> PartDone:
    return PartDone(message=MESSAGE, part=PartId(part))


def said(*bodies: bytes) -> list[str]:
    return [body.delta for raw in bodies if isinstance(body := decode_body(raw), DELTAS)]


def test_the_first_delta_of_a_part_leaves_at_once() -> None:
    coalescer = Coalescer()
    assert said(*coalescer.add(delta("a"), 0.0)) == ["a"]
    assert said(*coalescer.add(delta("b", "q"), 0.0)) == ["b"]
    assert coalescer.deadline is None


def test_later_ones_wait_and_leave_together() -> None:
    coalescer = Coalescer()
    coalescer.add(delta("a"), 0.0)
    assert coalescer.add(delta("b"), 0.001) == coalescer.add(delta("c"), 0.002) == []
    assert coalescer.deadline == QUIET_SECONDS
    assert coalescer.due(0.02) == []
    assert said(*coalescer.due(QUIET_SECONDS)) == ["bc"]
    assert coalescer.deadline is None


def test_a_delta_after_a_quiet_time_leaves_at_once() -> None:
    coalescer = Coalescer()
    coalescer.add(delta("a"), 0.0)
    assert said(*coalescer.add(delta("b"), 0.03)) == ["b"]
    assert coalescer.add(delta("c"), 0.04) == []


def test_a_full_kilobyte_does_not_wait() -> None:
    coalescer = Coalescer()
    coalescer.add(delta("a"), 0.0)
    assert coalescer.add(delta("x" * 1000), 0.001) == []
    assert said(*coalescer.add(delta("y" * 24), 0.001)) == ["x" * 1000 + "y" * 24]


def test_anything_else_lets_held_deltas_go_first() -> None:
    coalescer = Coalescer()
    coalescer.add(delta("a"), 0.0)
    coalescer.add(delta("b"), 0.001)
    assert coalescer.add(done(), 0.002) == [encode_body(delta("b")), encode_body(done())]


def test_ready_made_bytes_are_kept_as_they_are_and_in_their_place() -> None:
    coalescer = Coalescer()
    coalescer.add(delta("a"), 0.0)
    coalescer.add(delta("b"), 0.001)
    raw = b'{ "type": "text-delta" }'
    assert coalescer.add(raw, 0.002) == [encode_body(delta("b")), raw]
    assert coalescer.add(raw, 0.002) == [raw]


def test_a_stamped_delta_is_never_joined() -> None:
    coalescer = Coalescer()
    stamped = TextDelta(message=MESSAGE, part=PartId("p"), delta="b", stamp="1 2")
    coalescer.add(delta("a"), 0.0)
    assert coalescer.add(stamped, 0.001) == [encode_body(stamped)]


def test_a_part_that_ended_begins_anew() -> None:
    coalescer = Coalescer()
    coalescer.add(delta("a"), 0.0)
    coalescer.add(done(), 0.001)
    assert said(*coalescer.add(delta("b"), 0.002)) == ["b"]


def test_a_huge_delta_is_cut_into_events_the_log_takes() -> None:
    text = "\x01é" * (PIECE_CHARS + 10)
    bodies = Coalescer().add(delta(text), 0.0)
    assert "".join(said(*bodies)) == text
    assert max(len(body) for body in bodies) <= MAX_BODY_BYTES


step = st.tuples(
    st.sampled_from([0.0, 0.001, 0.01, 0.03]),
    st.one_of(
        st.builds(delta, st.text(max_size=300), st.sampled_from("pqr")),
        st.builds(
            lambda t, p: ReasoningDelta(message=MESSAGE, part=PartId(p), delta=t), st.text(), st.sampled_from("pq")
        ),
        st.builds(done, st.sampled_from("pqr")),
        st.just(MessageStart(message=MESSAGE)),
        st.just(None),
    ),
)


@given(st.lists(step, max_size=60))
def test_nothing_is_lost_and_order_is_kept(steps: list[tuple[float, Body | None]]) -> None:
    coalescer, now, out = Coalescer(), 0.0, list[tuple[float, Body]]()
    given_text, others = defaultdict[tuple[type, str], str](str), list[Body]()
    between: list[dict[tuple[type, str], str]] = []
    for pause, body in steps:
        now += pause
        made = coalescer.due(now) if body is None else coalescer.add(body, now)
        out += [(now, read) for raw in made if isinstance(read := decode_body(raw), Body)]
        if isinstance(body, DELTAS):
            given_text[type(body), body.part] += body.delta
        elif body is not None:
            others.append(body)
            between.append(dict(given_text))
    out += [(now, read) for raw in coalescer.flush(now) if isinstance(read := decode_body(raw), Body)]
    got, snapshots = defaultdict[tuple[type, str], str](str), list[dict[tuple[type, str], str]]()
    for _, body in out:
        if isinstance(body, DELTAS):
            got[type(body), body.part] += body.delta
        else:
            snapshots.append({key: text for key, text in got.items() if text})
    assert [body for _, body in out if not isinstance(body, DELTAS)] == others
    assert dict(got) == dict(given_text)
    assert snapshots == [{key: text for key, text in seen.items() if text} for seen in between]


@given(st.lists(st.tuples(st.sampled_from([0.001, 0.005]), st.integers(1, 200)), min_size=1, max_size=200))
def test_a_part_sends_at_most_one_event_per_quiet_time_or_kilobyte(steps: list[tuple[float, int]]) -> None:
    coalescer, now, sent = Coalescer(), 0.0, list[tuple[float, int]]()
    for pause, size in steps:
        now += pause
        for raw in (*coalescer.due(now), *coalescer.add(delta("x" * size), now)):
            sent.append((now, len(said(raw)[0])))
    for (before, _), (after, size) in pairwise(sent):
        assert after - before >= QUIET_SECONDS - 1e-9 or size >= FULL_CHARS
