"""Many hosts in one process: `python -m bench.fleet DATA BATCH WARM_SECONDS SECONDS`.

Each takes a ticket of the hub under test, says hello and appends batches of BATCH events as fast as they are
acknowledged, one batch on the way per session. What they say is `link/`'s; only the agent and the spool's disk are
missing. Prints one line of JSON: the events acknowledged in SECONDS after WARM_SECONDS.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import anyio
import msgspec
from msgspec import UNSET, UnsetType
from websockets.asyncio.client import ClientConnection, connect

from bench.script import text_delta
from bench.tickets import read_tickets
from roost.link.frames import MAX_FRAME_BYTES, decode_from_hub, encode_frame
from roost.link.host_end import HostEnd, Link
from roost.link.spool import Spool
from roost.model.events import RunStart
from roost.model.ids import RunId
from roost.model.ticket import Ticket
from roost.settings import LinkSettings

HELLOS_AT_ONCE = 16


class Fleet:
    """All hosts. `acknowledged` counts while `counting`."""

    def __init__(self, data: Path, batch: int) -> None:
        url = json.loads((data / "hub.json").read_text(encoding="utf-8"))["url"]
        self._url = "ws" + url.removeprefix("http") + "/link"
        self._batch = batch
        self._data = data
        self._hellos = anyio.Semaphore(HELLOS_AT_ONCE)
        self._go = anyio.Event()
        self.counting = False
        self.acknowledged = 0
        self.frames = 0

    async def measure(self, tickets: Sequence[Ticket], warm_seconds: float, seconds: float) -> dict[str, float]:
        """Raises: RuntimeError: the hub refused a host."""
        took = 0.0
        async with anyio.create_task_group() as tasks:
            for ticket in tickets:
                await tasks.start(self._host, ticket)
            self._go.set()
            await anyio.sleep(warm_seconds)
            self.counting, began = True, monotonic()
            await anyio.sleep(seconds)
            self.counting, took = False, monotonic() - began
            tasks.cancel_scope.cancel()
        return {"events": self.acknowledged, "acknowledgements": self.frames, "seconds": took}

    async def _host(self, ticket: Ticket, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        settings = msgspec.convert(ticket.settings.get("link", ticket.settings), LinkSettings)
        spool = Spool(
            self._data / "fleet" / ticket.session,
            memory_bytes=settings.spool_memory_bytes,
            disk_bytes=settings.spool_disk_bytes,
            reserve_bytes=settings.spool_reserve_bytes,
        )
        end = HostEnd(ticket.session, ticket.epoch, spool, pid=os.getpid())
        headers = {"Authorization": f"Bearer {ticket.token}"}
        async with connect(
            self._url,
            additional_headers=headers,
            compression=None,
            max_size=MAX_FRAME_BYTES,
            ping_interval=None,
            proxy=None,
        ) as socket:
            await socket.send(encode_frame(end.connected()), text=True)
            run = await _greet(end, socket)
            task_status.started()
            await self._go.wait()
            await self._append_for_ever(end, socket, run)

    async def _append_for_ever(self, end: HostEnd, socket: ClientConnection, run: RunId | UnsetType) -> None:
        body = text_delta()
        while True:
            for _ in range(self._batch):
                end.produce(body, run)
            for frame in end.outgoing():
                await socket.send(encode_frame(frame), text=True)
            while left := end.unacknowledged:
                await _receive(end, socket)
                if self.counting and end.unacknowledged < left:
                    self.acknowledged += left - end.unacknowledged
                    self.frames += 1


async def _greet(end: HostEnd, socket: ClientConnection) -> RunId | UnsetType:
    """Until the hub has welcomed this host and handed over the run it is to work on."""
    run: RunId | UnsetType = UNSET
    while end.link is not Link.LIVE or run is UNSET:
        run = await _receive(end, socket) or run
    return run


async def _receive(end: HostEnd, socket: ClientConnection) -> RunId | UnsetType:
    """Take one frame; the run that it starts."""
    events = end.receive(decode_from_hub(await socket.recv(decode=False)))
    if end.refusal is not None:
        raise RuntimeError(f"refused: {end.refusal.code}")
    starts = [event.run for event in events if isinstance(event.body, RunStart)]
    return starts[-1] if starts else UNSET


def main() -> None:
    data, batch, warm, seconds = sys.argv[1:]
    fleet = Fleet(Path(data), int(batch))
    found = anyio.run(
        fleet.measure, read_tickets(Path(data)), float(warm), float(seconds), backend_options={"use_uvloop": True}
    )
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
