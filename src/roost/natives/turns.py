"""How the turn stands that an agent was told to begin just now, by its own records: where a screen cannot say when it
is done. Reads only; `Turns.look` blocks.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from roost.natives.facts import FACTS, Fact, Kind, turn_of
from roost.natives.looking import read_facts, read_status
from roost.natives.places import Homes, NativeSession, sessions_of

_BY_STATUS = {"waiting": Kind.ASKING, "busy": Kind.WORKING}
"""What Claude Code says of itself; `idle` says nothing: it may not have begun."""


class Turns:
    """Follows one agent in one folder. `begin` when it is told something, then `look` as often as you like."""

    def __init__(self, agent: str, homes: Homes, folder: Path) -> None:
        self._agent, self._homes, self._folder = agent, homes, folder
        self._since = 0
        self._session: NativeSession | None = None

    def begin(self, now: int) -> None:
        """It is told something at `now` (ms): older records are of older turns, and it may begin a new session."""
        self._since, self._session = now, None

    def look(self, births: Mapping[int, str] | None = None) -> Fact | None:
        """How the turn stands: the newest fact since `begin` that decides it. None: nothing is known, also where two
        sessions in the folder have changed since, or these records cannot be read. `births`: as in `read_status`."""
        if self._agent not in FACTS:
            return None
        status = read_status(self._homes, births or {}) if self._agent == "claude" else None
        said, at = status or ({}, 0)
        if (kind := _BY_STATUS.get(str(said.get("status")))) is not None and at >= self._since:
            return Fact(kind, at, f"status {said['status']}")
        try:
            session = self._session or self._find(said.get("sessionId"))
            facts = read_facts(session)[0] if session is not None else []
        except (OSError, sqlite3.Error):
            return None
        self._session = session
        return turn_of(fact for fact in facts if fact.at is None or fact.at >= self._since)

    def _find(self, named: object) -> NativeSession | None:
        """The session that the agent itself names, or the only one that has changed."""
        changed = sessions_of(self._agent, self._homes, self._folder, since=self._since)
        if named is not None:
            changed = [session for session in changed if session.id == named]
        return changed[0] if len(changed) == 1 else None
