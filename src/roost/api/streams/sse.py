"""Event streams as Server-Sent Events (PROTOCOL.md, section 3), raw ASGI in front of the framework."""

from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import UNSET

from roost.api.asgi import Exchange, Receive, Scope, Send, forget_headers, header_of, query_of, respond
from roost.api.cursors import cursor, feed_cursor
from roost.api.streams.running import Streams
from roost.api.streams.source import Framing
from roost.api.streams.visit import Visit
from roost.core.feed import Feed, FeedPage
from roost.core.hub import Hub
from roost.core.log import Frames, Log, Watch
from roost.model.events import Principal
from roost.model.ids import Pos, Seq, SessionId

DELETED: Final = "session-deleted"
"""The type of a feed entry without an event."""

_encoder = msgspec.json.Encoder()


def wants_events(scope: Scope) -> bool:
    """Whether this is a GET that accepts an event stream."""
    if scope["method"] != "GET":
        return False
    accepted = (header_of(scope, b"accept") or "").lower().split(",")
    return any(entry.partition(";")[0].strip() == "text/event-stream" for entry in accepted)


async def events(
    hub: Hub, streams: Streams, session: str, by: Principal, scope: Scope, receive: Receive, send: Send
) -> None:
    """`GET /v1/sessions/{id}/events` as a stream. What is wrong with the request is raised before the first byte.

    Raises: SessionNotFound, InvalidCursor, CursorAhead, CursorTrimmed, StorageUnavailable.
    """
    found = await hub.find(session, by)
    after = cursor(header_of(scope, b"last-event-id") or query_of(scope, "after"))
    if await _nothing_more(hub, found.id, after):
        await respond(send, 204)
        return
    wanted = frozenset(filter(None, (query_of(scope, "types") or "").split(",")))
    visit = Visit(hub, by, via="sse", session=found)
    forget_headers(scope)
    source = SessionEvents(hub.log, found.id, after, wanted)
    await streams.run(Exchange(scope, receive, send), visit, source, session=found.id, user=by.user)


async def _nothing_more(hub: Hub, session: SessionId, after: Seq) -> bool:
    """Whether this cursor is the end of an ended log. Raises: CursorAhead, CursorTrimmed."""
    page = await hub.log.page(session, after, 1)
    return page.ended and not page.events


async def feed(hub: Hub, streams: Streams, by: Principal, scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /v1/feed` as a stream. Raises: InvalidCursor, CursorAhead, StorageUnavailable."""
    given = header_of(scope, b"last-event-id") or query_of(scope, "after")
    after = await feed_cursor(hub, given)
    visit = Visit(hub, by, via="sse")
    forget_headers(scope)
    await streams.run(Exchange(scope, receive, send), visit, FeedFacts(hub.feed, after, by), user=by.user)


class SessionEvents:
    """Implements `Source` and `Watched`: a session's events of these types, or all."""

    def __init__(self, log: Log, session: SessionId, after: Seq, wanted: frozenset[str]) -> None:
        self._log = log
        self._session = session
        self._after = after
        self._wanted = wanted

    async def begin(self) -> tuple[bytes, Seq]:
        return b"", self._after

    def follow(self, cursor: Seq) -> AsyncIterator[Frames]:
        return self._log.follow(self._session, cursor)

    def watch(self, look: Callable[[], None]) -> Watch:
        return self._log.watch(self._session, look)

    def renderer(self, framing: Framing) -> Callable[[Frames], bytes]:
        return renderer(self._wanted, framing)


class FeedFacts:
    """Implements `Source`: the feed as one principal may see it."""

    def __init__(self, feed: Feed, after: Pos, by: Principal) -> None:
        self._feed = feed
        self._after = after
        self._by = by

    async def begin(self) -> tuple[bytes, Pos]:
        return b"", self._after

    def follow(self, cursor: Pos) -> AsyncIterator[FeedPage]:
        return self._feed.follow(cursor, self._by)

    def renderer(self, framing: Framing) -> Callable[[FeedPage], bytes]:
        return lambda page: framing(render_feed(page))


@lru_cache(maxsize=512)
def renderer(wanted: frozenset[str], framing: Framing) -> Callable[[Frames], bytes]:
    """What makes the bytes of a page, events of these types (none named: all): once for all who want the same of it."""

    def render(frames: Frames) -> bytes:
        return framing(render_only(frames, wanted) if wanted else render_all(frames))

    return lambda frames: frames.rendered(render, render)


def render_all(frames: Frames) -> bytes:
    pairs = zip(frames.types, frames.data, strict=True)
    return b"".join([block(seq, tag, data) for seq, (tag, data) in enumerate(pairs, frames.first)])


def render_only(frames: Frames, wanted: frozenset[str]) -> bytes:
    """Events of these types; if the page ends with others, an `id:` alone moves the cursor past them."""
    rows = enumerate(zip(frames.types, frames.data, strict=True), frames.first)
    blocks = [block(seq, tag, data) for seq, (tag, data) in rows if tag in wanted]
    if frames.types and frames.types[-1] not in wanted:
        blocks.append(b"id: %d\n\n" % frames.last)
    return b"".join(blocks)


def render_feed(page: FeedPage) -> bytes:
    """What may be seen; if the page ends with something else, an `id:` alone moves the cursor past it."""
    blocks = [
        block(entry.pos, DELETED if entry.event is UNSET else entry.event.type, _encoder.encode(entry))
        for entry in page.entries
    ]
    if not page.entries or page.entries[-1].pos < page.pos:
        blocks.append(b"id: %d\n\n" % page.pos)
    return b"".join(blocks)


def block(number: int, tag: str, data: bytes) -> bytes:
    """One SSE block. Bodies keep the bytes their producer wrote; a line break there can only stand between two tokens
    of JSON, where it means nothing, and would end the line here."""
    return b"id: %d%b%b\n\n" % (number, _head(tag), data.translate(None, b"\r\n"))


@lru_cache(maxsize=512)
def _head(tag: str) -> bytes:
    """A type is its producer's word, so it may not break the line either."""
    return f"\nevent: {' '.join(tag.split())}\ndata: ".encode()
