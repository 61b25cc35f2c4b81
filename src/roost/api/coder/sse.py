"""`GET /api/hub/session/{id}/events`: snapshot, hydration, then presence and broadcasts (hub-wire 9). Raw ASGI.

A frame that does not fit their schema ends the stream for their client, so keep-alives are comments and every frame is
one of four kinds. `id:` lines are of no use to them: who comes back is given a fresh snapshot.
"""

from collections.abc import Callable
from typing import Final

from roost.api.asgi import Exchange, Receive, Scope, Send, query_of
from roost.api.coder.live import BROADCAST, PRESENCE, Frame, Live, Lives, Page
from roost.api.coder.told import Told, encoded, patterns
from roost.api.streams.running import Streams
from roost.api.streams.source import Framing
from roost.api.streams.visit import Visit
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model.events import Principal

KIND: Final = "sse"
_HEADS: Final = {kind: f"event: {kind}\ndata: ".encode() for kind in (BROADCAST, PRESENCE)}
_TAIL: Final = b"\n\n"


async def events(
    hub: Hub, streams: Streams, lives: Lives, session: Session, by: Principal, scope: Scope, receive: Receive,
    send: Send,
) -> None:  # fmt: skip
    """Until the client leaves, the session is deleted or the hub stops. What is wrong is raised before the first byte.

    Raises: TooManyStreams, SessionNotFound, StorageUnavailable.
    """
    wanted = patterns(query_of(scope, "subscribe"))
    with hub.limits.stream(by), lives.watched(session) as live:
        await live.join()  # what is wrong with the session is said with a status
        visit = Visit(hub, by, via="sse", session=session, role="observer")
        source = _Told(hub, live, session, by, wanted)
        farewell = block("broadcast", shutdown(hub, session))
        await streams.run(Exchange(scope, receive, send), visit, source, farewell, session=session.id, user=by.user)


class _Told:
    """Implements `Source` and `Watched`: a session as it is told to one observer."""

    def __init__(self, hub: Hub, live: Live, session: Session, by: Principal, wanted: frozenset[str]) -> None:
        self._hub = hub
        self._live = live
        self._session = session
        self._by = by
        self._wanted = wanted
        self.follow = live.follow
        self.watch = live.watch

    async def begin(self) -> tuple[bytes, int]:
        """First who comes is among the participants, then is told of them."""
        joined, cursor = await self._live.join()
        snapshot = joined.snapshot(self._hub, self._session, self._by)
        return block("snapshot", snapshot) + block("hydration", joined.for_stream()), cursor

    def renderer(self, framing: Framing) -> Callable[[Page], bytes]:
        return lambda page: page.rendered((KIND, framing), self._wanted, lambda frames: framing(_blocks(frames)))


def shutdown(hub: Hub, session: Session) -> bytes:
    """The frame that says that the hub is about to stop."""
    at = hub.now_ms()
    return encoded(Told(name="session_shutdown", data={"reason": "hub-stopping"}, seq=session.seq, at=at), session.id)


def block(kind: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def _blocks(frames: list[Frame]) -> bytes:
    return b"".join([piece for frame in frames for piece in (_HEADS[frame.kind], frame.data, _TAIL)])
