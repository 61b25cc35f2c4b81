"""The SSE parser: any cutting of the bytes gives the same blocks."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roost.client.sse import MAX_BLOCK_BYTES, Block, SseParser
from roost.model.errors import BodyTooLarge


def parse(*chunks: bytes) -> list[Block]:
    parser = SseParser()
    return [block for chunk in chunks for block in parser.feed(chunk)]


def cut(raw: bytes, at: list[int]) -> list[bytes]:
    places = sorted({min(place, len(raw)) for place in at})
    return [raw[a:b] for a, b in zip([0, *places], [*places, len(raw)], strict=True)]


NEWLINES = st.sampled_from([b"\n", b"\r\n", b"\r"])
VALUES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20).map(str.encode)
FIELDS = st.sampled_from(
    [b"id: ", b"id:", b"data: ", b"data:", b"event: ", b": ", b"retry: ", b"new: ", b"data", b"id"]
)
LINES = st.tuples(FIELDS, VALUES, NEWLINES).map(b"".join)
STREAMS = st.lists(st.one_of(LINES, NEWLINES, st.binary(max_size=6)), max_size=30).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 400), max_size=40))
@example(b"data: a\r\n\r\n", [8, 9, 10])
@example(b"\xef\xbb\xbfdata: a\n\n", [1, 2])
@example(b"id: 1\rx\n\n", [7])
def test_any_chunking_gives_the_same_blocks(raw: bytes, places: list[int]) -> None:
    whole = parse(raw)
    assert parse(*cut(raw, places)) == whole
    assert parse(*(raw[i : i + 1] for i in range(len(raw)))) == whole


@given(st.lists(st.tuples(st.integers(1, 10**12), VALUES), max_size=8), NEWLINES)
def test_what_a_hub_writes_is_what_is_read(events: list[tuple[int, bytes]], newline: bytes) -> None:
    raw = b"".join(
        newline.join([b"id: %d" % seq, b"event: text-delta", b"data: " + value, b"", b""]) for seq, value in events
    )
    assert parse(raw) == [Block(str(seq), "text-delta", value) for seq, value in events]


def test_comments_and_retry_make_no_block() -> None:
    assert parse(b": beat\n\nretry: 1000\n\n\n\n") == []


def test_an_id_alone_is_a_block_without_data() -> None:
    assert parse(b"id: 7\n\n") == [Block("7", None, None)]


def test_data_lines_are_joined() -> None:
    assert parse(b"data: a\ndata:b\ndata\n\n") == [Block(None, None, b"a\nb\n")]


def test_a_block_that_never_ended_is_not_delivered() -> None:
    assert parse(b"id: 1\ndata: half") == []


@pytest.mark.parametrize("chunk", [b"x" * 65_536, b"data: " + b"x" * 65_536 + b"\n"])
def test_a_stream_without_end_is_refused(chunk: bytes) -> None:
    with pytest.raises(BodyTooLarge):
        parse(*[chunk] * (MAX_BLOCK_BYTES // 65_536 + 2))
