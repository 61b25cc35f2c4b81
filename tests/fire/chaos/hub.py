"""A hub that can be put under more kinds of fire: `python -m tests.fire.chaos.hub URL CLOCK MUTANT up ...`, with the
options of `roost up`. MUTANT is the name of one that is broken on purpose, or `none`.

`none` is the hub as it is, but for three things: it publishes URL, where a proxy of the test listens, instead of its
own; its wall clock is ahead by the nanoseconds in the file CLOCK; and the hosts of sessions with `PLAYED` in their
environment are played by somebody who reads their tickets from `DATA/played`. If it was started with libfaketime, what
it starts is not.
"""

import mmap
import os
import sys
from pathlib import Path
from time import time_ns
from typing import Any, Final

import msgspec
from anyio import to_thread

from roost import wiring
from roost.cli import main
from roost.core import clock
from roost.model.errors import StartFailed
from roost.model.ids import Epoch, SessionId
from roost.model.ticket import Ticket
from roost.runtimes.process import runtime
from roost.runtimes.process.runtime import ProcessRuntime

PLAYED: Final = "PLAYED"
FOLDER: Final = "played"
CLOCK_BYTES: Final = 8


class JumpingClock(clock.SystemClock):
    """Implements `ports.Clock`. Its wall clock jumps whenever the file is written; its monotonic one never does."""

    ahead: mmap.mmap

    def now_ms(self) -> int:
        return (time_ns() + int.from_bytes(self.ahead[:CLOCK_BYTES], "little", signed=True)) // 1_000_000


class PlayedRuntime(ProcessRuntime):
    """Implements `ports.Runtime`. A played host is alive as long as its ticket lies there: whoever plays it takes that
    away when the host dies, and the runtime when it kills it. It may live on, and write: then the fence must hold."""

    def __init__(self, data: Path, **given: Any) -> None:
        super().__init__(data, **given)
        self._played = data / FOLDER

    async def start(self, ticket: Ticket) -> None:
        if PLAYED not in ticket.env:
            return await super().start(ticket)
        try:
            await to_thread.run_sync(self._deal, ticket)
        except OSError as error:
            raise StartFailed(f"no ticket for a played host: {error}") from None

    async def kill(self, session: SessionId, *, screen: bool = True) -> None:
        for ticket in self._played.glob(f"{session}.*"):
            ticket.unlink(missing_ok=True)
        await super().kill(session, screen=screen)

    async def alive(self, session: SessionId, epoch: Epoch) -> bool:
        return (self._played / f"{session}.{epoch}").exists() or await super().alive(session, epoch)

    def _deal(self, ticket: Ticket) -> None:
        self._played.mkdir(exist_ok=True)
        draft = self._played / f".{ticket.session}"
        draft.write_bytes(msgspec.json.encode(ticket))
        draft.rename(self._played / f"{ticket.session}.{ticket.epoch}")


def put_under_fire(url: str, clock_file: Path) -> None:
    """Before the hub is wired."""
    os.environ.pop("LD_PRELOAD", None)
    publish = wiring._publish
    wiring._publish = lambda file, _: publish(file, url)
    with clock_file.open("rb") as file:
        JumpingClock.ahead = mmap.mmap(file.fileno(), CLOCK_BYTES, access=mmap.ACCESS_READ)
    clock.SystemClock = JumpingClock
    runtime.ProcessRuntime = PlayedRuntime


def set_clock(clock_file: Path, seconds: float) -> None:
    """The hub's wall clock is so much ahead from now on."""
    with clock_file.open("r+b") as file:
        os.pwrite(file.fileno(), int(seconds * 1e9).to_bytes(CLOCK_BYTES, "little", signed=True), 0)


if __name__ == "__main__":
    put_under_fire(sys.argv[1], Path(sys.argv[2]))
    if (mutant := sys.argv[3]) != "none":
        from tests.fire.chaos.mutants import MUTANTS

        MUTANTS[mutant].breaks()
    del sys.argv[1:4]
    sys.exit(main())
