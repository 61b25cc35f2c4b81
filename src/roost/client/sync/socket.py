"""Made from roost/client/socket.py (make docs): do not edit.

One connection for all of a session: its events, who is here, and commands (PROTOCOL.md, section 9).

A task takes frames as they come. What the reader has not fetched yet is held up to `MAX_HELD_BYTES`; what comes beyond
that is let go, and asked for again by its cursor once the reader is there. So neither a slow reader nor a lost
connection loses or repeats an event, and no answer waits behind events.
"""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import cast

from roost.client.socket import AsyncConnecting, AsyncSocket
from roost.client.stream import Until
from roost.client.sync.commanding import Commanding
from roost.client.sync.portal import Twin
from roost.model.commands import AnyCommand
from roost.model.envelope import Event
from roost.model.ids import Seq
from roost.model.info import Accepted, Participant


class Socket(Commanding):
    """A session's socket, open: `with session.connect() as socket`. Any number of tasks may command; events are
    for one reader. It is taken up again by itself, from its cursor, over lost connections and hub restarts."""

    @property
    def _async(self) -> AsyncSocket:
        return cast(AsyncSocket, self._twin)

    def __iter__(self) -> Generator[Event]:
        return self._portal.iterate(aiter(self._async))

    @property
    def linked(self) -> bool:
        """Whether the connection stands just now."""
        return self._async.linked

    @property
    def participants(self) -> tuple[Participant, ...]:
        """Who is here, as the hub last said: at most 100 are named."""
        return self._async.participants

    def presence(self) -> Generator[tuple[Participant, ...]]:
        """Who is here: now, and again whenever somebody comes or goes. Ends with the log. Raises: StreamLost."""
        return self._portal.iterate(self._async.presence())

    def events(self, *, until: Until | None = None) -> Generator[Event]:
        """Every event after the socket's cursor, once and in order, up to and with the first that `until` means, or
        until the session is ended. A later call goes on where this one stopped.

        Raises: StreamLost: no hub for too long; SessionNotFound: it was deleted; SequenceBroken: the hub left an event
        out or repeated one.
        """
        return self._portal.iterate(self._async.events(until=until))

    def abort(self, *, reason: str = "requested") -> Accepted:
        """Stop the open run. Returns once that is recorded; the run's end is an event."""
        return self._portal.call(self._async.abort, reason=reason)

    def pause(self) -> Accepted:
        """Put to sleep; an open run is aborted first. Returns once that is recorded."""
        return self._portal.call(self._async.pause)

    def command(self, command: AnyCommand, *, key: str | None = None) -> Accepted:
        """Any command (roost.model.commands): `Update`, `Configure`, and what has a method of its own. Raises: what the
        method of the session of the same name raises."""
        return self._portal.call(self._async.command, command, key=key)


class Connecting(Twin):
    """What of a session handle opens its socket (AsyncSession)."""

    @property
    def _async(self) -> AsyncConnecting:
        return cast(AsyncConnecting, self._twin)

    @contextmanager
    def connect(
        self, *, after: Seq = 0, types: Collection[str] | None = None, reconnect_seconds: float | None = None
    ) -> Generator[Socket]:
        """One connection for events after a cursor, commands, and who is here: `with session.connect() as it`.
        `types`: only events of these types.

        Raises: SessionNotFound, Unauthorized, TooManyStreams, CursorAhead, CursorTrimmed; StreamLost: no hub for
        `reconnect_seconds` (default: the client's).
        """
        with self._portal.enter(
            self._async.connect(after=after, types=types, reconnect_seconds=reconnect_seconds)
        ) as given:
            yield Socket(self._portal, given)
