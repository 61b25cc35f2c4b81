"""What a known agent is doing, by its own records first and its screen second (natives/)."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from roost.drivers.terminal.agents import TerminalAgent
from roost.drivers.terminal.sight import READY_SECONDS, STUCK_SECONDS, Look, Reader, ScreenReader, State
from roost.model.activity import Activity
from roost.natives.facts import FACTS, Fact, Kind
from roost.natives.places import homes_of
from roost.natives.screens import on_screen
from roost.natives.turns import Turns

RECORD_SECONDS: Final = 2.0
"""A screen that rests is believed against records that say nothing after so long: they are written late."""
_BY_KIND: Final[Mapping[Kind, State]] = {
    Kind.DONE: "idle",
    Kind.STOPPED: "idle",
    Kind.FAILED: "idle",
    Kind.ASKING: "waiting_input",
}


def reader_of(agent: TerminalAgent, workspace: Path, env: Mapping[str, str], home: str = "") -> Reader:
    """For an agent whose records are known, as it is started in this folder with this environment; for another, what
    its row says of its screen. `home`: as in `Enclosed`."""
    return RecordReader(agent, workspace, env, home) if agent.name in FACTS else ScreenReader(agent)


class RecordReader:
    """Blocks."""

    def __init__(self, agent: TerminalAgent, workspace: Path, env: Mapping[str, str], home: str = "") -> None:
        self._name = agent.name
        self._turns = Turns(agent.name, homes_of(env, home), workspace)

    def begin(self) -> None:
        self._turns.begin(int(time.time() * 1000))

    def activity(self, look: Look) -> State:
        if look.exit_code is not None:
            return "exited"
        fact = self._turns.look(look.births)
        shown = on_screen(self._name, "\n".join(look.lines))
        if look.still_seconds >= READY_SECONDS and shown is Activity.WAITING_INPUT:
            return "waiting_input"
        if fact is not None and fact.kind in _BY_KIND:
            return _BY_KIND[fact.kind]
        return self._by_screen(look, fact, shown)

    def _by_screen(self, look: Look, fact: Fact | None, shown: Activity) -> State:
        """The records do not say that it is done."""
        rests = fact is None and shown is Activity.IDLE and look.still_seconds >= RECORD_SECONDS
        return "idle" if rests or look.still_seconds >= STUCK_SECONDS else "active"
