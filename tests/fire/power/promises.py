"""What a hub has promised to keep, each at a moment of the journal, and how it is looked for."""

import hashlib
import re
import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from roost.client import AsyncClient
from roost.core.keys import hash_of
from roost.model.envelope import Event, encode_event
from roost.model.errors import RoostError
from roost.model.events import TextDelta
from roost.model.ids import SessionId
from roost.storage import open_store
from tests.contract.given import read_all
from tests.fire.watch import whole_log

NUMBERED: Final = re.compile(r"(\d+)\.(\d+)")
"""What a played host says: its epoch, and the how-manieth event this is."""


@dataclass
class Found:
    """What is there: each log as its encoded events; the numbers that played hosts gave their deltas, by session and
    epoch, in the order of the log; the hashes of keys; the content of blobs."""

    logs: dict[str, list[bytes]] = field(default_factory=dict)
    numbers: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    keys: set[bytes] = field(default_factory=set)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def add(self, session: str, events: list[Event]) -> None:
        self.logs[session] = [encode_event(event) for event in events]
        for event in events:
            if isinstance(event.body, TextDelta) and (said := NUMBERED.fullmatch(event.body.delta)):
                epoch, number = int(said[1]), int(said[2])
                self.numbers.setdefault((session, epoch), []).append(number)

    def wrong(self) -> list[str]:
        """What must not be, whatever was promised: an event of a host that is doubled, lost in between, or moved."""
        return [
            f"{session}: the events of epoch {epoch} are {numbers}"
            for (session, epoch), numbers in self.numbers.items()
            if numbers != list(range(1, len(numbers) + 1))
        ]


@dataclass(frozen=True, kw_only=True)
class Promise:
    position: int

    def before(self) -> Self:
        """The same, made before the present journal began."""
        return replace(self, position=0)

    def kept(self, found: Found) -> bool:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Recorded(Promise):
    """The event with this seq is this one, or one that says this; seq 0: there is one that says it."""

    session: str
    seq: int
    says: bytes

    def kept(self, found: Found) -> bool:
        log = found.logs.get(self.session, [])
        return any(self.says in event for event in (log[self.seq - 1 : self.seq] if self.seq else log))


@dataclass(frozen=True, kw_only=True)
class Acknowledged(Promise):
    """A host's events up to this one are in the log."""

    session: str
    epoch: int
    last: int

    def kept(self, found: Found) -> bool:
        return len(found.numbers.get((self.session, self.epoch), [])) >= self.last


@dataclass(frozen=True, kw_only=True)
class Kept(Promise):
    """This content is there."""

    blob: str
    content: bytes = field(repr=False)

    def kept(self, found: Found) -> bool:
        return found.blobs.get(self.blob) == self.content


@dataclass(frozen=True, kw_only=True)
class Opens(Promise):
    """This key is good."""

    secret: str

    def kept(self, found: Found) -> bool:
        return hash_of(self.secret) in found.keys


def broken(promises: list[Promise], found: Found) -> list[str]:
    return found.wrong() + [f"{promise} is not kept" for promise in promises if not promise.kept(found)]


async def look_inside(data: Path, sessions: list[str]) -> Found:
    """What a store finds in this folder. Raises: RoostError, sqlite3.Error: it cannot be opened."""
    found = Found(blobs=blobs_in(data))
    store = await open_store("sqlite", data)
    try:
        for session in sessions:
            try:
                found.add(session, await read_all(store, session))
            except RoostError as error:
                if error.code != "session_not_found":
                    raise
        found.keys = {key.hash for key in await store.keys()}
    finally:
        await store.close()
    with sqlite3.connect(data / "roost.db") as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    file.close()
    return found


async def look_at(client: AsyncClient, data: Path, sessions: list[str], secrets: list[str]) -> Found:
    """What a hub answers."""
    found = Found(blobs=blobs_in(data))
    for session in sessions:
        found.add(session, await whole_log(client.session(SessionId(session))))
    for secret in secrets:
        async with AsyncClient(data=data, api_key=secret) as other:
            await other.list_sessions()
        found.keys.add(hash_of(secret))
    return found


def blobs_in(data: Path) -> dict[str, bytes]:
    """Each whose name is that of its content and that somebody holds."""
    found: dict[str, bytes] = {}
    held = {path.name for path in (data / "blobs" / "held").glob("*/*")}
    for path in (data / "blobs").glob("??/*"):
        content = path.read_bytes()
        name = f"sha256-{hashlib.sha256(content).hexdigest()}"
        if name in held and name == f"sha256-{path.name}":
            found[name] = content
    return found
