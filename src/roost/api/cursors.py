"""Cursors as clients send them back."""

from typing import Final

from roost.core.hub import Hub
from roost.model.errors import CursorAhead, InvalidCursor
from roost.model.ids import Pos, Seq

MAX_CURSOR: Final = 2**63 - 1


def cursor(text: str | None) -> Seq:
    """None and nothing mean the start. Raises: InvalidCursor: not a whole number of 0 or more."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_CURSOR)) or int(text) > MAX_CURSOR:
        raise InvalidCursor
    return int(text)


async def feed_cursor(hub: Hub, text: str | None) -> Pos:
    """`now` is the present end. Raises: InvalidCursor, CursorAhead."""
    head = await hub.feed.head()
    after = head if text == "now" else cursor(text)
    if after > head:
        raise CursorAhead(head=head)
    return after
