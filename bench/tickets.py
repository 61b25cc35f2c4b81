"""A hub whose hosts somebody else plays: `python -m bench.tickets up ...`, with the options of `roost up`.

All of it is the hub as it is, but for the runtime: one that hands tickets to a file instead of starting processes.
"""

import os
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from roost.cli import main
from roost.model.ids import Epoch, SessionId
from roost.model.ticket import Ticket
from roost.runtimes.process import runtime
from roost.runtimes.process.runtime import ProcessRuntime

FILE: Final = "tickets.jsonl"


class TicketRuntime(ProcessRuntime):
    """Implements `ports.Runtime`. A host counts as alive from its ticket until it is killed."""

    def __init__(self, data: Path, **given: Any) -> None:
        super().__init__(data, **given)
        self._file = data / FILE
        self._given: dict[SessionId, Epoch] = {}

    async def start(self, ticket: Ticket) -> None:
        self._given[ticket.session] = ticket.epoch
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(ticket) + b"\n")

    async def kill(self, session: SessionId, *, screen: bool = True) -> None:
        self._given.pop(session, None)

    async def alive(self, session: SessionId, epoch: Epoch) -> bool:
        return self._given.get(session) == epoch


def read_tickets(data: Path) -> list[Ticket]:
    """Every ticket that was given out so far."""
    file = data / FILE
    lines = file.read_bytes().splitlines() if file.exists() else []
    return [msgspec.json.decode(line, type=Ticket) for line in lines]


if __name__ == "__main__":
    runtime.ProcessRuntime = TicketRuntime  # before the hub is wired
    sys.exit(main())
