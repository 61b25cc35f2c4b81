"""The bytes of an event stream."""

import msgspec
import pytest
from msgspec import Raw

from roost.api.cursors import MAX_CURSOR, cursor
from roost.api.lending import LendingProtocol
from roost.api.streams.sse import block, render_feed, renderer, wants_events
from roost.core.feed import FeedPage
from roost.core.log import Frames
from roost.model.envelope import Event
from roost.model.errors import InvalidCursor
from roost.model.ids import SessionId
from roost.model.stored import FeedEntry

SESSION = SessionId("codesess_000000000001")


def frames(*types: str, first: int = 5) -> Frames:
    return Frames(first, list(types), [b'{"seq":%d}' % (first + i) for i in range(len(types))])


def shown(page: Frames, *types: str) -> bytes:
    return renderer(frozenset(types), bytes)(page)


def test_a_block_has_id_event_and_data() -> None:
    assert block(17, "text-delta", b'{"seq":17}') == b'id: 17\nevent: text-delta\ndata: {"seq":17}\n\n'


def test_a_page_is_rendered_once_for_all_who_want_all_of_it() -> None:
    page = frames("run-start", "text-delta")
    first, second = shown(page), shown(page)
    assert first == (b'id: 5\nevent: run-start\ndata: {"seq":5}\n\nid: 6\nevent: text-delta\ndata: {"seq":6}\n\n')
    assert first is second


def test_a_page_is_rendered_once_for_all_who_want_the_same_types() -> None:
    page = frames("run-start", "text-delta", "run-complete")
    some = shown(page, "run-start", "run-complete")
    again = shown(page, "run-complete", "run-start")
    assert some is again
    assert some is not shown(page, "run-start")
    assert b"text-delta" not in some


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["a", "x", "a"], b'id: 5\nevent: a\ndata: {"seq":5}\n\nid: 7\nevent: a\ndata: {"seq":7}\n\n'),
        (["a", "x", "x"], b'id: 5\nevent: a\ndata: {"seq":5}\n\nid: 7\n\n'),
        (["x", "x", "x"], b"id: 7\n\n"),
        ([], b""),
    ],
)
def test_left_out_events_move_the_cursor_when_they_end_a_page(types: list[str], expected: bytes) -> None:
    assert shown(frames(*types), "a") == expected


def test_a_page_is_framed_once_and_one_that_shows_nothing_stays_empty() -> None:
    page = frames("run-start", first=5)
    framed = renderer(frozenset(), LendingProtocol.framed)(page)
    assert framed == b"28\r\n" + shown(page) + b"\r\n"
    assert framed is renderer(frozenset(), LendingProtocol.framed)(page)
    assert renderer(frozenset(), LendingProtocol.framed)(frames()) == b"", "an empty chunk would end the body"


def test_line_breaks_of_a_producer_cannot_break_the_stream() -> None:
    assert block(1, "a\nid: 9\rb", b'{"a":\r\n 1,\n"b":2}') == b'id: 1\nevent: a id: 9 b\ndata: {"a": 1,"b":2}\n\n'


def test_a_feed_page_has_pos_as_id_and_names_deletions() -> None:
    event = Event(seq=3, at=1, raw=Raw(b'{"type":"pause-requested"}'))
    entries = [
        FeedEntry(pos=10, session=SESSION, event=event),
        FeedEntry(pos=12, session=SESSION, fact={"by": "me"}),
    ]
    heads = [part.split(b"\ndata: ")[0] for part in render_feed(FeedPage(entries, 12)).split(b"\n\n") if part]
    assert heads == [b"id: 10\nevent: pause-requested", b"id: 12\nevent: session-deleted"]
    data = render_feed(FeedPage(entries, 12)).split(b"data: ")[1].split(b"\n")[0]
    assert msgspec.json.decode(data)["event"] == {"seq": 3, "at": 1, "body": {"type": "pause-requested"}}
    assert render_feed(FeedPage(entries, 15)).endswith(b"\n\nid: 15\n\n")
    assert render_feed(FeedPage([], 15)) == b"id: 15\n\n"


@pytest.mark.parametrize(("text", "seq"), [(None, 0), ("", 0), ("0", 0), ("17", 17), (str(MAX_CURSOR), MAX_CURSOR)])
def test_a_cursor_is_a_whole_number_and_none_is_the_start(text: str | None, seq: int) -> None:
    assert cursor(text) == seq


@pytest.mark.parametrize(
    "text", ["-1", "+1", "1.0", "x", "1e3", " 1", "٣", "²", str(MAX_CURSOR + 1), "9" * 5000, "now"]
)
def test_anything_else_is_not_a_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursor(text)


@pytest.mark.parametrize(
    ("method", "accept", "wants"),
    [
        ("GET", "text/event-stream", True),
        ("GET", "Text/Event-Stream; charset=utf-8", True),
        ("GET", "application/json, text/event-stream", True),
        ("GET", "application/json", False),
        ("GET", "*/*", False),
        ("GET", None, False),
        ("POST", "text/event-stream", False),
    ],
)
def test_only_a_get_that_accepts_an_event_stream_is_one(method: str, accept: str | None, wants: bool) -> None:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    assert wants_events({"method": method, "headers": headers}) is wants
