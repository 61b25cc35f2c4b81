"""Everybody who gives a hub something to promise: hosts that are played, controllers, observers."""

import base64
import os
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from itertools import count
from pathlib import Path
from random import Random
from typing import TypeVar

import anyio
from msgspec import UNSET, UnsetType
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bench.tickets import read_tickets
from roost.client import AsyncClient, AsyncSession
from roost.link.frames import MAX_FRAME_BYTES, Ack, decode_from_hub, encode_frame
from roost.link.host_end import HostEnd, Link
from roost.link.spool import Spool
from roost.model.envelope import encode_body, encode_event
from roost.model.errors import RoostError
from roost.model.events import FileInput, RunStart, TextDelta, TextInput
from roost.model.ids import MessageId, PartId, RunId
from roost.model.ticket import Ticket
from tests.fire.power.power import Powered
from tests.fire.power.promises import Acknowledged, Kept, Opens, Recorded
from tests.fire.processes import eventually

MOST_AT_ONCE = 20
"""Events in one batch of a played host."""
T = TypeVar("T")
ENOUGH = 10
"""Promises, and acknowledgements of played hosts, before the power may be cut."""
FILE_BYTES = 70_000
"""Longer than what stays in the log."""
MIB = 1024 * 1024


class Load:
    """All that is done to one hub until its power is cut, over any number of cuts."""

    def __init__(self, powered: Powered, random: Random, spools: Path, task: str) -> None:
        """`task`: what sessions begin with; empty: their hosts are played."""
        self.powered = powered
        self.sessions: list[str] = []
        self.imported: list[str] = []
        self.secrets: list[str] = []
        self.acknowledged = 0
        self._random, self._spools = random, spools
        self._task, self._plays = task or "begin", not task
        self._played: set[tuple[str, int]] = set()
        self._said = count()

    async def put_on(self, client: AsyncClient, seconds: float) -> None:
        """Until enough was promised, and for so long more; then the power is cut under it."""
        enough = self._enough()
        async with anyio.create_task_group() as tasks:
            for work in (self._play_all, self._more_keys, self._import):
                tasks.start_soon(self._until_cut, work, client)
            for session in self.sessions:
                for task in (self._steer, self._rename, self._send_files, self._observe):
                    tasks.start_soon(self._until_cut, task, client.session(session))
            await eventually(enough, seconds=60)
            await anyio.sleep(seconds)  # the instant is the point
            await self.powered.cut()
            tasks.cancel_scope.cancel()

    def _enough(self) -> Callable[[], bool]:
        """Of what is promised from now on: some for each session, and to each host that is played."""
        promises, acknowledged = len(self.powered.promises) + ENOUGH, self.acknowledged + self._plays * ENOUGH
        return lambda: len(self.powered.promises) >= promises and self.acknowledged >= acknowledged

    async def create(self, client: AsyncClient) -> None:
        made = await client.create_session(task=self._task)
        self.sessions.append(made.id)
        self._promise(made.id, 1, b"session-created")

    async def _until_cut(self, work: Callable[[T], Awaitable[None]], given: T) -> None:
        """A hub may refuse (a session is busy), and is gone at last."""
        while True:
            with suppress(RoostError, OSError, WebSocketException):
                await work(given)
            await anyio.sleep(0.01)

    def _promise(self, session: str, seq: int, says: bytes) -> None:
        promise = Recorded(position=self.powered.position, session=session, seq=seq, says=says)
        self.powered.promises.append(promise)

    # --- controllers and observers ------------------------------------------------------------------------------------

    async def _steer(self, session: AsyncSession) -> None:
        text = f"steered {next(self._said)}"
        accepted = await session.steer(text)
        self._promise(session.id, accepted.seq, b"" if accepted.run is UNSET else accepted.run.encode())

    async def _rename(self, session: AsyncSession) -> None:
        label = f"renamed {next(self._said)}"
        await session.update(label=label)
        self._promise(session.id, 0, label.encode())

    async def _send_files(self, session: AsyncSession) -> None:
        content = f"file {next(self._said)} ".encode().ljust(FILE_BYTES, b".")
        url = f"data:text/plain;base64,{base64.b64encode(content).decode()}"
        accepted = await session.steer([TextInput(text="look"), FileInput(url=url, mime="text/plain")])
        self._promise(session.id, accepted.seq, b"blob:")
        page = await session.read(after=accepted.seq - 1, limit=1)
        (name,) = [part.url for part in page.events[0].body.input if isinstance(part, FileInput)]  # pyright: ignore[reportAttributeAccessIssue]  # what was sent
        blob = name.removeprefix("blob:")
        self.powered.promises.append(Kept(position=self.powered.position, blob=blob, content=content))

    async def _observe(self, session: AsyncSession) -> None:
        """Whoever has seen an event sees it again."""
        async with aclosing(session.events()) as events:
            async for event in events:
                self._promise(session.id, event.seq, encode_event(event))

    async def _more_keys(self, client: AsyncClient) -> None:
        key = await client.add_key(user=f"user{next(self._said)}")
        self.powered.promises.append(Opens(position=self.powered.position, secret=key.secret))
        self.secrets.append(key.secret)
        await anyio.sleep(0.1)

    async def _import(self, client: AsyncClient) -> None:
        """A session that comes as a bundle is there for good, once it was answered."""
        async with client.session(self.sessions[0]).export() as pieces:
            bundle = b"".join([piece async for piece in pieces])
        made = await client.import_session(bundle, new_id=True)
        self.imported.append(made.id)
        self._promise(made.id, 1, b"session-created")
        await anyio.sleep_forever()

    # --- hosts --------------------------------------------------------------------------------------------------------

    async def _play_all(self, client: AsyncClient) -> None:
        """Every ticket that is given out, once."""
        data = self.powered.hub.data

        def fresh() -> list[Ticket]:
            return [ticket for ticket in read_tickets(data) if (ticket.session, ticket.epoch) not in self._played]

        async with anyio.create_task_group() as tasks:
            while True:
                for ticket in await eventually(fresh, seconds=60):
                    self._played.add((ticket.session, ticket.epoch))
                    tasks.start_soon(self._play, ticket, client.address.url)

    async def _play(self, ticket: Ticket, url: str) -> None:
        spool = Spool(self._spools / ticket.session, memory_bytes=MIB, disk_bytes=MIB, reserve_bytes=65_536)
        end = HostEnd(ticket.session, ticket.epoch, spool, pid=os.getpid())
        headers = {"Authorization": f"Bearer {ticket.token}"}
        where = "ws" + url.removeprefix("http") + "/link"
        options = {"compression": None, "max_size": MAX_FRAME_BYTES, "ping_interval": None, "proxy": None}
        with suppress(OSError, WebSocketException):
            async with connect(where, additional_headers=headers, **options) as socket:  # pyright: ignore[reportArgumentType]  # a table of options
                await socket.send(encode_frame(end.connected()), text=True)
                await self._append_for_ever(end, socket)

    async def _append_for_ever(self, end: HostEnd, socket: ClientConnection) -> None:
        run: RunId | UnsetType = UNSET
        number = 0
        while end.refusal is None:
            frame = decode_from_hub(await socket.recv(decode=False))
            starts = [event.run for event in end.receive(frame) if isinstance(event.body, RunStart)]
            run = starts[-1] if starts else run
            if isinstance(frame, Ack):
                self.acknowledged += 1
                self.powered.promises.append(
                    Acknowledged(position=self.powered.position, session=end.session, epoch=end.epoch, last=frame.acked)
                )
            if end.link is Link.LIVE and run is not UNSET and not end.unacknowledged:
                for _ in range(self._random.randint(1, MOST_AT_ONCE)):
                    number += 1
                    body = TextDelta(message=MessageId("msg_1"), part=PartId("p"), delta=f"{end.epoch}.{number}")
                    end.produce(encode_body(body), run)
            for out in end.outgoing():
                await socket.send(encode_frame(out), text=True)
