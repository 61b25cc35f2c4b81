"""What is under fire in one round: a hub behind a proxy, its hosts, also played ones, its clients, disk and clock."""

import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from random import Random
from typing import Any

import anyio
import msgspec
import psutil

from roost.model.errors import StartFailed
from roost.processes import birth
from roost.runtimes.process.runtime import HostNote
from tests.fire.chaos.crowd import Client
from tests.fire.chaos.history import Fault, History
from tests.fire.chaos.played import Players
from tests.fire.chaos.proxy import Proxy
from tests.fire.clocks import WallClock
from tests.fire.disks import SmallDisk
from tests.fire.hubs import Fire, Hub

START_SECONDS = 120.0
"""A hub that may start does so within this time."""


class Field:
    """`sessions`: ids, with whether their hosts are played. `surprises`: what went wrong and is in no history. `wall`:
    the clock that the system has for the hub; `clock`: how far the hub's own is ahead of that."""

    def __init__(self, fire: Fire, disk: SmallDisk, wall: WallClock, history: History, random: Random) -> None:
        self.fire, self.disk, self.wall, self.history, self.random = fire, disk, wall, history, random
        self.proxy = Proxy()
        self.clock = fire.folder / "clock"
        self.clock.write_bytes(bytes(8))
        self.sessions: dict[str, bool] = {}
        self.clients: list[Client] = []
        self.faults: Counter[str] = Counter()
        self.surprises: list[str] = []
        self.hub: Hub
        self.players: Players
        self.key = ""
        self.turn = anyio.Lock()
        """Whoever stops and starts the hub has it."""
        self._starving = 0
        self._starved = 0

    # --- the hub ---

    async def open(self, settings: dict[str, Any], mutant: str) -> None:
        """The first start of the hub; the proxy serves already."""
        command = [sys.executable, "-m", "tests.fire.chaos.hub", self.proxy.url, str(self.clock), mutant]
        self.hub = await self.fire.hub(disk=self.disk, command=[*self.wall.enter, *command], **settings)
        self.proxy.target = self.hub.port
        self.key = (self.hub.seen / "api_key").read_text().strip()
        self.players = Players(self.hub.seen, self.fire.folder / "spools", self.history, Random(self.random.random()))

    async def revive(self) -> None:
        """Start the hub, which does not run, again. While it lacks something it may refuse: then until it has it."""
        with anyio.fail_after(START_SECONDS):
            while True:
                starved = self._starved
                lacking = self._starving > 0
                try:
                    await self.hub.start()
                    self.proxy.target = self.hub.port
                    return
                except (StartFailed, OSError) as error:
                    if not lacking and starved == self._starved:
                        self.surprise(f"the hub did not start: {str(error)[-500:]}")
                await anyio.sleep(0.2)

    @property
    def hub_lives(self) -> bool:
        return self.hub.runs and birth(self.hub.pid) is not None

    @contextmanager
    def starving(self) -> Generator[None]:
        """The hub has no room to write, or may open nothing: it may refuse whatever it wants to."""
        self._starving += 1
        self._starved += 1
        try:
            yield
        finally:
            self._starving -= 1

    @property
    def lacks(self) -> bool:
        """Whether that is so just now."""
        return self._starving > 0

    # --- who is there ---

    def host(self, session: str) -> int | None:
        """The pid of this session's host, if it has one that runs."""
        try:
            note = msgspec.json.decode((self.hub.seen / "hosts" / f"{session}.json").read_bytes(), type=HostNote)
        except (OSError, msgspec.MsgspecError):
            return None
        return note.pid if birth(note.pid) == note.started else None

    def hosts(self) -> list[int]:
        """Of all sessions whose hosts are processes, in any order."""
        real = [session for session, played in self.sessions.items() if not played]
        return [pid for session in real if (pid := self.host(session)) is not None]

    def agents(self) -> list[int]:
        """Everything that runs below the hosts."""
        found: list[int] = []
        for host in self.hosts():
            try:
                found += [child.pid for child in psutil.Process(host).children(recursive=True)]
            except psutil.Error:
                continue
        return found

    def hatcheries(self) -> list[int]:
        """The process that the hub's hosts are forked from, if there is one."""
        if not self.hub_lives:
            return []
        try:
            below = psutil.Process(self.hub.pid).children()
            return [child.pid for child in below if "hatchery" in child.cmdline()]
        except psutil.Error:
            return []

    # --- what happens ---

    def tell(self, kind: str, target: str = "", detail: str = "") -> None:
        """A fault has come about."""
        self.faults[kind] += 1
        self.history.add(Fault(kind=kind, target=target, detail=detail))

    def surprise(self, words: str) -> None:
        """Something went wrong that is in no history."""
        if words not in self.surprises:
            self.surprises.append(words)

    def request(self, path: str, body: bytes = b"", accept: str = "application/json") -> bytes:
        """As it stands on the wire; without a body it is a GET."""
        head = (
            f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.proxy.port}\r\nAccept: {accept}\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
