"""A hub whose hosts somebody else plays: `python -m bench.tickets --data FOLDER --port PORT --agent scripted`.

All of it is the hub as it is, but for the runtime: one that hands tickets to a file instead of starting processes.
"""

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec
import structlog

from roost.model.ids import Epoch, SessionId
from roost.ports import Ticket
from roost.runtimes.process import runtime
from roost.runtimes.process.runtime import ProcessRuntime
from roost.settings import Settings
from roost.wiring import run_hub

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

    async def kill(self, session: SessionId) -> None:
        self._given.pop(session, None)

    async def alive(self, session: SessionId, epoch: Epoch) -> bool:
        return self._given.get(session) == epoch


def read_tickets(data: Path) -> list[Ticket]:
    """Every ticket that was given out so far."""
    file = data / FILE
    lines = file.read_bytes().splitlines() if file.exists() else []
    return [msgspec.json.decode(line, type=Ticket) for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    runtime.ProcessRuntime = TicketRuntime  # before the hub is wired
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    serve = partial(
        run_hub, Settings(data=given.data, port=given.port, agent="scripted", warm_hosts=0), on_ready=_say_ready
    )
    anyio.run(serve, backend_options={"use_uvloop": True})


def _say_ready(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
