"""Event streams that take themselves up again, from their own cursor, without a hole or a repeat."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from roost.client.answers import SequenceBroken
from roost.client.sse import Block, SseParser
from roost.client.wire import Wire
from roost.model.envelope import Event, decode_event
from roost.model.errors import StreamLost, Unavailable
from roost.model.ids import Pos, Seq
from roost.model.stored import FeedEntry

RECONNECT_SECONDS = 60.0
"""A stream that could not be opened again for this long is given up."""

Until = str | Collection[str] | Callable[[Event], bool]
"""The last event wanted: its type, one of several types, or a test."""

OnLink = Callable[[bool], Awaitable[None]]
"""Told that the connection stands (True) or is lost (False)."""

_feed_decoder = msgspec.json.Decoder(FeedEntry)


async def follow(
    wire: Wire, path: str, *, after: int, params: Mapping[str, Any] | None = None, reconnect_seconds: float,
    on_link: OnLink | None = None,
) -> AsyncGenerator[Block]:  # fmt: skip
    """Blocks after a cursor, for ever, over any number of connections; ends when the hub says there will be no more.
    `on_link` is told of each connection, when it stands and when it is lost.

    Raises: StreamLost: no connection for `reconnect_seconds`; what the hub refuses with, as its class.
    """
    cursor, last = after, None
    backoff = wire.backoff(reconnect_seconds)
    while True:
        lost: Unavailable | None = None
        linked = False
        try:
            async with wire.stream(path, params={"after": cursor, **(params or {})}, last=last) as response:
                if response.status_code == 204:
                    return
                backoff.reached(reconnect_seconds)
                linked = True
                if on_link is not None:
                    await on_link(True)
                parser = SseParser()
                async for chunk in response.aiter_raw():
                    for block in parser.feed(chunk):
                        backoff.reset()
                        if block.id is not None:
                            cursor, last = _cursor(block.id), block.id
                        yield block
        except Unavailable as error:
            lost = error
        if linked and on_link is not None:
            await on_link(False)
        last = last or str(cursor)  # after an end in good order this asks: is there more, or will there be?
        if not await backoff.again():
            reason = lost.message if lost else "the hub ends it at once"
            raise StreamLost(f"The stream was lost: {reason}", cursor=cursor) from lost


def _cursor(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SequenceBroken(f"the hub sent the id {text[:40]!r}, which is no cursor") from None


async def follow_events(
    wire: Wire,
    path: str,
    *,
    after: Seq,
    until: Until | None,
    types: Collection[str] | None,
    reconnect_seconds: float,
    on_link: OnLink | None = None,
) -> AsyncGenerator[Event]:
    """Events after `after`, each once and in order, up to and with the one that `until` means.

    Raises: SequenceBroken: a hole or a repeat.
    """
    done = until_test(until)
    params = {"types": ",".join(sorted(types))} if types else {}
    seen = after
    found = follow(wire, path, after=after, params=params, reconnect_seconds=reconnect_seconds, on_link=on_link)
    async with aclosing(found) as blocks:
        async for block in blocks:
            seq = _cursor(block.id or "")
            if seq <= seen or (not types and seq != seen + 1):
                raise SequenceBroken(f"event {seq} came after event {seen}", seq=seq, after=seen)
            seen = seq
            if block.data is None:
                if not types:
                    raise SequenceBroken(f"event {seq} came without its content", seq=seq)
                continue
            event = decode_event(block.data)
            if event.seq != seq:
                raise SequenceBroken(f"event {event.seq} came with the id {seq}", seq=event.seq, id=seq)
            yield event
            if done(event):
                return


async def follow_feed(wire: Wire, *, after: Pos, reconnect_seconds: float) -> AsyncGenerator[FeedEntry]:
    """Entries of the hub feed after a pos, each once and in order."""
    seen = after
    async with aclosing(follow(wire, "/v1/feed", after=after, reconnect_seconds=reconnect_seconds)) as blocks:
        async for block in blocks:
            pos = _cursor(block.id or "")
            if pos <= seen:
                raise SequenceBroken(f"feed entry {pos} came after {seen}", pos=pos, after=seen)
            seen = pos
            if block.data is not None:
                yield _feed_decoder.decode(block.data)


def until_test(until: Until | None) -> Callable[[Event], bool]:
    """Whether an event is the last one wanted."""
    if until is None:
        return lambda _event: False
    if callable(until):
        return until
    wanted = {until} if isinstance(until, str) else set(until)
    return lambda event: event.type in wanted
