"""A host that says over the link exactly what it is told to say, whether a host should or not."""

import json
import os
from pathlib import Path
from typing import Final

import anyio
from msgspec import UNSET, Raw, UnsetType
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from roost.link.frames import (
    MAX_FRAME_BYTES,
    PROTOCOL,
    Ack,
    AppendFrame,
    Commands,
    Frame,
    FromHub,
    Hello,
    Produced,
    Refused,
    Welcome,
    decode_from_hub,
    encode_frame,
)  # fmt: skip
from roost.model.envelope import Event, encode_body
from roost.model.events import Body, RunStart, TextDelta
from roost.model.ids import RunId, new_message_id, new_part_id
from roost.model.ticket import Ticket
from tests.fire.chaos.history import Answered, History, Invoked, Outcome
from tests.fire.chaos.hub import FOLDER

FRAME_SECONDS: Final = 30.0
"""Within which the hub says something: it beats more often."""


class Player:
    """One host of one epoch. `produced`: the last producer_seq it has used."""

    def __init__(self, ticket: Ticket, data: Path, history: History) -> None:
        self.ticket = ticket
        self.name = f"host-{ticket.epoch}"
        self.produced = 0
        self._data, self._history = data, history
        self._socket: ClientConnection | None = None
        self._welcomed = False
        self._acked = 0
        self._refused = ""
        self._read = 0
        self._commands: list[Event] = []

    async def connect(self) -> bool:
        """Whether the hub takes it."""
        url = "ws" + json.loads((self._data / "hub.json").read_bytes())["url"].removeprefix("http") + "/link"
        self._socket = await connect(
            url, additional_headers={"Authorization": f"Bearer {self.ticket.token}"}, compression=None, proxy=None,
            max_size=MAX_FRAME_BYTES, ping_interval=None, close_timeout=1,
        )  # fmt: skip
        self._welcomed, self._refused = False, ""
        await self._say(
            Hello(
                protocol=PROTOCOL, session=self.ticket.session, epoch=self.ticket.epoch, pid=os.getpid(),
                produced=self.produced, read=self._read,
            )
        )  # fmt: skip
        while not self._welcomed and await self._take():
            pass
        return self._welcomed

    async def run(self) -> RunId:
        """The next run that it is told to begin."""
        while True:
            while self._commands:
                event = self._commands.pop(0)
                if isinstance(event.body, RunStart) and event.run is not UNSET:
                    return event.run
            assert await self._take(), "the link has ended"

    async def append(self, *bodies: Body, first: int = 0, run: RunId | UnsetType = UNSET) -> Outcome:
        """One batch, numbered on from the last one, or from `first`; returns when the hub has said what becomes of
        it."""
        op, last = await self.send(*bodies, first=first, run=run)
        while self._acked < last and await self._take():
            pass
        outcome: Outcome = "ok" if self._acked >= last else "refused" if self._refused else "unknown"
        self._history.add(Answered(op=op, outcome=outcome, code=self._refused))
        return outcome

    async def send(self, *bodies: Body, first: int = 0, run: RunId | UnsetType = UNSET) -> tuple[int, int]:
        """The batch alone: its operation, and the last producer_seq of it."""
        first = first or self.produced + 1
        last, epoch, op = first + len(bodies) - 1, self.ticket.epoch, self._history.op()
        self._history.add(
            Invoked(op=op, who=self.name, session=self.ticket.session, kind="append", mark=f"{epoch}:{first}-{last}")
        )
        self.produced = max(self.produced, last)
        self._acked = min(self._acked, first - 1)
        events = [Produced(body=_stamped(body, epoch, n), run=run) for n, body in enumerate(bodies, first)]
        await self._say(AppendFrame(first=first, events=events))
        return op, last

    async def leave(self) -> None:
        """Its connection ends; to the hub it is alive still."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def die(self) -> None:
        """The hub can see that it is dead."""
        (self._data / FOLDER / f"{self.ticket.session}.{self.ticket.epoch}").unlink(missing_ok=True)
        await self.leave()

    async def _say(self, frame: Frame) -> None:
        assert self._socket is not None
        try:
            await self._socket.send(encode_frame(frame), text=True)
        except ConnectionClosed:
            pass  # what was said last is read from it still

    async def _take(self) -> bool:
        """Read one frame. False: there are no more."""
        assert self._socket is not None
        try:
            with anyio.fail_after(FRAME_SECONDS):
                self._learn(decode_from_hub(await self._socket.recv(decode=False)))
        except ConnectionClosed:
            return False
        return not self._refused

    def _learn(self, frame: FromHub) -> None:
        match frame:
            case Welcome():
                self._welcomed = True
                self._read = max(self._read, frame.starting)
            case Commands():
                self._commands += frame.events
                self._read = frame.cursor
            case Ack():
                self._acked = frame.acked
            case Refused():
                self._refused = frame.code
            case _:
                pass


def words(count: int) -> list[TextDelta]:
    """So many events of a host, of one part."""
    message, part = new_message_id(), new_part_id()
    return [TextDelta(message=message, part=part, delta=f"word {n} ") for n in range(count)]


def _stamped(body: Body, epoch: int, number: int) -> Raw:
    """With what tells whose event it is (history.py)."""
    return Raw(encode_body(body)[:-1] + b',"produced":"%d:%d"}' % (epoch, number))
