"""Many messages of a WebSocket in one write."""

import pytest
from websockets.frames import Frame, Opcode

from roost.api.framing import FRAMES, framed, takes_frames


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_text_is_framed_as_the_library_frames_it(size: int) -> None:
    text = b"x" * size
    assert framed([text]) == Frame(Opcode.TEXT, text).serialize(mask=False)


def test_several_texts_are_several_frames() -> None:
    assert framed([b"one", b"two"]) == framed([b"one"]) + framed([b"two"])
    assert framed([]) == b""


def test_a_server_that_takes_no_frames_is_sent_none() -> None:
    assert takes_frames({"extensions": {FRAMES: {}}})
    assert not any(takes_frames(scope) for scope in ({}, {"extensions": None}, {"extensions": {}}))
