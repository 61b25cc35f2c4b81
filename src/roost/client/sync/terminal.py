"""Made from roost/client/terminal.py (make docs): do not edit.

A terminal at the screen of a session's agent (PROTOCOL.md, section 13): for a person's own terminal, or a program
that drives the agent as a person would.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

from roost.client.sync.portal import Twin
from roost.client.terminal import AsyncAtScreen, AsyncTerminal
from roost.model.screens import Shown


class Terminal(Twin):
    """Open: `with session.terminal() as it`. One task may read, another write. What is not read is not sent: the
    next `read` goes on with the present."""

    @property
    def _async(self) -> AsyncTerminal:
        return cast(AsyncTerminal, self._twin)

    @property
    def writes(self) -> bool:
        """Whether what is typed here goes to the agent; else it only shows."""
        return self._async.writes

    def read(self) -> bytes:
        """What a terminal is to be sent next: the whole screen first, then what changes. Empty: there is nothing more
        to see, since the session sleeps or is over.

        Raises: LinkDown, HubUnreachable, HubStopping: open another; SessionNotFound; what was wrong with keys."""
        return self._portal.call(self._async.read)

    def write(self, keys: bytes | str) -> None:
        """As a terminal sends them: `\r` for Enter, `\x1b` for Escape.

        Raises: Forbidden: this terminal only shows; BodyTooLarge: over 64 KiB; HubUnreachable."""
        self._portal.call(self._async.write, keys)

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has another size now: 10 to 500 by 4 to 300. Raises: HubUnreachable."""
        self._portal.call(self._async.resize, columns, rows)


class AtScreen(Twin):
    """What of a session handle is about its agent's own screen (AsyncSession)."""

    @property
    def _async(self) -> AsyncAtScreen:
        return cast(AsyncAtScreen, self._twin)

    def screen(self, *, wake: bool = False) -> Shown:
        """What it shows now, as text.

        Raises: ScreenMissing: the session's driver is not `terminal`; SessionAsleep, unless `wake`; ScreenLost."""
        return self._portal.call(self._async.screen, wake=wake)

    @contextmanager
    def terminal(self, *, columns: int = 80, rows: int = 24, watch: bool = False) -> Generator[Terminal]:
        """A terminal of this size at the screen: `with session.terminal() as it`. It wakes a session that sleeps,
        unless it is only to `watch`, or may do no more.

        Raises: ScreenMissing, SessionAsleep, SessionNotFound, InvalidRequest, HostBusy: too many look already;
        HubUnreachable, LinkDown."""
        with self._portal.enter(self._async.terminal(columns=columns, rows=rows, watch=watch)) as given:
            yield Terminal(self._portal, given)
