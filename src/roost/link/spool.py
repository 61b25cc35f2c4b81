"""What a host has said and the hub has not yet acknowledged: in memory first, then in a file, in order.

Three places, oldest first: `flying` (sent on the present connection), `waiting` (in memory), the file. Acknowledged
events leave at the front; the file refills the memory. The end of a run always finds room: a reserve in memory, after
the file.
"""

import os
import shutil
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from roost.durable import make_folder, put
from roost.link.frames import Produced
from roost.model.errors import InvalidBody, SpoolFull
from roost.model.ids import Epoch, RunId, SessionId

OVERHEAD_BYTES = 64
"""What an event costs beside its body, in memory, in the file and in a frame."""
CHUNK_BYTES = 1024 * 1024


class SpoolHeader(Struct, frozen=True, kw_only=True):
    """The first line of a spool that a host left behind: `count` events follow, from producer_seq `first`."""

    session: SessionId
    epoch: Epoch
    first: int
    count: int


class SpoolLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every other line: one event as the host made it."""

    producer_seq: int
    body: Raw
    run: RunId | UnsetType = UNSET


_encoder = msgspec.json.Encoder()
_line = msgspec.json.Decoder(SpoolLine)
_header = msgspec.json.Decoder(SpoolHeader)
_produced = msgspec.json.Decoder(Produced)


def spool_path(data: Path, session: SessionId, epoch: Epoch) -> Path:
    """Where a host that found no hub leaves its events."""
    return data / "spool" / f"{session}.{epoch}"


class Spool:
    """A queue of numbered events with a cursor for sending. `put` counts from 1."""

    def __init__(self, path: Path, *, memory_bytes: int, disk_bytes: int, reserve_bytes: int) -> None:
        """`path`: the file used beyond `memory_bytes`; made when needed, removed when empty."""
        self.produced = 0
        self.acked = 0
        self._path = path
        self._memory_limit, self._disk_limit, self._reserve = memory_bytes, disk_bytes, reserve_bytes
        self._flying: deque[Produced] = deque()
        self._waiting: deque[Produced] = deque()
        self._last: deque[Produced] = deque()
        self._memory = 0
        self._file: BinaryIO | None = None
        self._on_disk = 0
        self._read_at = 0
        self._write_at = 0

    def __len__(self) -> int:
        return self.produced - self.acked

    def put(self, event: Produced, *, last_words: bool = False) -> int:
        """Keep an event; returns its producer_seq. `last_words`: the end of a run, for which the reserve is there.

        Raises: SpoolFull: nothing was kept.
        """
        size = len(event.body) + OVERHEAD_BYTES
        if not self._on_disk and not self._last and self._memory + size <= self._memory_limit:
            self._waiting.append(event)
            self._memory += size
        elif self._last or not self._write(event):
            if not last_words or size + sum(len(held.body) for held in self._last) > self._reserve:
                raise SpoolFull
            self._last.append(event)
        self.produced += 1
        return self.produced

    def take(self, max_events: int, max_bytes: int) -> list[Produced]:
        """The next events to send, in order: at least one if any is waiting, at most that much."""
        if not self._waiting:
            self._refill()
        waiting, flying = self._waiting, self._flying
        taken: list[Produced] = []
        room = max_bytes
        while waiting and len(taken) < max_events:
            room -= len(waiting[0].body) + OVERHEAD_BYTES
            if taken and room < 0:
                break
            event = waiting.popleft()
            taken.append(event)
            flying.append(event)
        return taken

    def ack(self, seq: int) -> None:
        """Forget every event up to producer_seq `seq`."""
        while self.acked < min(seq, self.produced):
            if not self._flying and not self._waiting:
                self._refill()
            event = self._flying.popleft() if self._flying else self._waiting.popleft()
            self._memory -= len(event.body) + OVERHEAD_BYTES
            self.acked += 1

    def rewind(self) -> None:
        """Everything unacknowledged is to be sent again."""
        self._waiting.extendleft(reversed(self._flying))
        self._flying.clear()

    def events(self) -> Iterator[tuple[int, Produced]]:
        """Every unacknowledged event with its producer_seq. Reads the file; changes nothing."""
        seq = self.acked
        for event in (*self._flying, *self._waiting):
            yield (seq := seq + 1), event
        for event, _ in self._from_file():
            yield (seq := seq + 1), event
        for event in self._last:
            yield (seq := seq + 1), event

    def save(self, path: Path, session: SessionId, epoch: Epoch) -> None:
        """Write all unacknowledged events to `path`, whole or not at all, and on the disk when this returns."""
        make_folder(path.parent)
        draft = path.with_name(path.name + ".new")
        with draft.open("wb") as file:
            head = SpoolHeader(session=session, epoch=epoch, first=self.acked + 1, count=len(self))
            file.write(_encoder.encode(head) + b"\n")
            for seq, event in self.events():
                line = SpoolLine(producer_seq=seq, body=event.body, run=event.run)
                file.write(_encoder.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        put(draft, path)

    def close(self) -> None:
        """Remove the file. What is not acknowledged is gone unless it was saved."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._path.unlink(missing_ok=True)

    def _write(self, event: Produced) -> bool:
        line = _encoder.encode(event) + b"\n"
        try:
            if self._write_at + len(line) > self._disk_limit and not self._compact(len(line)):
                return False
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w+b", buffering=0)
            self._file.seek(self._write_at)
            if self._file.write(line) != len(line):
                return False  # the disk is full; the torn line is overwritten or never read
        except OSError:
            return False
        self._write_at += len(line)
        self._on_disk += 1
        return True

    def _compact(self, wanted: int) -> bool:
        """Move what is still needed of the file to its front; False if that gains too little to be worth it."""
        old = self._file
        live = self._write_at - self._read_at
        if old is None or live + wanted > self._disk_limit or self._read_at < self._disk_limit // 4:
            return False
        draft = self._path.with_name(self._path.name + ".new")
        fresh = draft.open("w+b", buffering=0)
        old.seek(self._read_at)
        shutil.copyfileobj(old, fresh, CHUNK_BYTES)
        draft.replace(self._path)
        old.close()
        self._file, self._read_at, self._write_at = fresh, 0, live
        return True

    def _refill(self) -> None:
        """Bring the oldest events of the file back to memory."""
        for event, length in self._from_file():
            size = len(event.body) + OVERHEAD_BYTES
            if self._waiting and self._memory + size > self._memory_limit:
                return
            self._waiting.append(event)
            self._memory += size
            self._on_disk -= 1
            self._read_at += length
        if self._file is not None:
            self._file.truncate(0)
        self._read_at = self._write_at = 0
        while self._last:
            event = self._last.popleft()
            self._waiting.append(event)
            self._memory += len(event.body) + OVERHEAD_BYTES

    def _from_file(self) -> Iterator[tuple[Produced, int]]:
        """The events in the file, each with the bytes it takes there."""
        offset, rest = self._read_at, b""
        while self._file is not None and offset < self._write_at:
            self._file.seek(offset)
            chunk = self._file.read(min(CHUNK_BYTES, self._write_at - offset))
            offset += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield _produced.decode(line), len(line) + 1


def read_spool(path: Path) -> tuple[SpoolHeader, list[SpoolLine]]:
    """A spool that a host left behind. Raises: InvalidBody: not a whole spool; OSError."""
    lines = path.read_bytes().splitlines()
    try:
        head = _header.decode(lines[0])
        events = [_line.decode(line) for line in lines[1:]]
    except (IndexError, msgspec.MsgspecError) as error:
        raise InvalidBody(f"{path.name}: not a spool: {error}") from None
    if [event.producer_seq for event in events] != list(range(head.first, head.first + head.count)):
        raise InvalidBody(f"{path.name}: events are missing")
    return head, events
