"""What can be asked about a session: its runs and their events, its messages, how its host does."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from anyio import to_thread
from msgspec import UNSET, Struct
from msgspec.structs import replace

from roost.core.session import Session
from roost.model.envelope import Event, Unknown
from roost.model.errors import MessageNotFound, RunNotFound
from roost.model.events import RunComplete, RunError, RunStart
from roost.model.ids import MessageId, RunId, Seq
from roost.model.knowing import LAST_RUNS, Diagnostics, HostInfo, SeenError
from roost.model.lifecycle import RUN_STATUS
from roost.model.messages import encode_message
from roost.model.record import Record, Run
from roost.model.stored import StoredRun
from roost.ports import Runtime, Store

SECRET_CHARS: Final = 4
"""Shorter values of the environment are not masked: they would blot out half of the log."""
_PAGE: Final = 500


class RunEvents(Struct, frozen=True):
    """Events of one run. `after`: where to go on; `ended`: these are the last."""

    events: list[Event]
    after: Seq
    ended: bool


class _Note(Struct, frozen=True):
    """DATA/hosts/<session>.json (PROTOCOL.md, "Data folder")."""

    pid: int
    epoch: int


class Knowing:
    """Asks the store and the data folder; changes nothing."""

    def __init__(self, store: Store, runtime: Runtime, data: Path) -> None:
        self._store = store
        self._runtime = runtime
        self._data = data

    async def runs(self, session: Session, before: Seq | None, limit: int) -> tuple[Run, ...]:
        """The last `limit` runs that began before a seq, newest first, without their input."""
        record = session.record_now
        found = await self._store.runs(session.id, before=before, limit=limit)
        return tuple(replace(run_of(record, each), input=(), steers=()) for each in found)

    async def run(self, session: Session, run: RunId) -> Run:
        """Raises: RunNotFound."""
        return run_of(session.record_now, await self._find(session, run))

    async def run_events(self, session: Session, run: RunId, after: Seq, limit: int) -> RunEvents:
        """The run's own events with seq > after. Raises: RunNotFound."""
        found = await self._find(session, run)
        last = session.seq if found.end is None else found.end.seq
        after = max(after, found.start.seq - 1)
        events: list[Event] = []
        while after < last and len(events) < limit:
            page = await self._store.read(session.id, after=after, limit=min(_PAGE, last - after, limit - len(events)))
            events += [event for event in page.events if event.run == run]
            after = page.events[-1].seq
        return RunEvents(events, after, ended=found.end is not None and after >= last)

    async def message(self, session: Session, message: MessageId) -> bytes:
        """Encoded, also while it is being said. Raises: MessageNotFound."""
        stored = await self._store.message(session.id, message)
        if stored is not None:
            return stored.data
        open_ones = (await session.snapshot()).messages
        found = next((each for each in open_ones if each.info.id == message), None)
        if found is None:
            raise MessageNotFound
        return encode_message(found)

    async def diagnostics(self, session: Session, log_bytes: int, log_after: int | None = None) -> Diagnostics:
        """With the end of the log, or with what follows this byte of it, at most `log_bytes`."""
        record, file = session.record_now, self._data / "logs" / f"{session.id}.log"
        note = await to_thread.run_sync(_note, self._data / "hosts" / f"{session.id}.json")
        log, end, size = await to_thread.run_sync(_part, file, log_bytes, log_after)
        alive = note is not None and await self._runtime.alive(session.id, note.epoch)
        host = HostInfo(linked=session.linked)
        if note is not None:
            host = HostInfo(linked=session.linked, alive=alive, pid=note.pid, epoch=note.epoch)
        return Diagnostics(
            session=session.id,
            phase=record.phase.value,
            epoch=record.epoch,
            host=host,
            log=masked(log, session.env),
            log_bytes=size,
            log_end=end,
            errors=tuple(await self._errors(session)),
        )

    async def _errors(self, session: Session) -> list[SeenError]:
        record = session.record_now
        found = [] if record.error is UNSET else [SeenError(error=record.error)]
        for run in await self._store.runs(session.id, limit=LAST_RUNS):
            end = run.end
            if end is not None and isinstance(body := end.body, RunError):
                found.append(SeenError(error=body.error, seq=end.seq, at=end.at, run=end.run))
        return found

    async def _find(self, session: Session, run: RunId) -> StoredRun:
        found = await self._store.run(session.id, run)
        if found is None:
            raise RunNotFound
        return found


def run_of(record: Record, stored: StoredRun) -> Run:
    """The run as its events say; the open one as the record has it."""
    start, end = stored.start, stored.end
    for known in (record.run, record.last_run):
        if known is not UNSET and known.run == start.run and end is None:
            return known
    begun = start.body
    assert isinstance(begun, RunStart)
    assert start.run is not UNSET
    run = Run(
        run=start.run, status=RUN_STATUS[RunStart], start=start.seq, started_at=start.at, message=begun.message,
        input=begun.input, by=start.by,
    )  # fmt: skip
    if end is None:
        return run
    body = end.body
    return replace(
        run,
        status=run.status if isinstance(body, Unknown) else RUN_STATUS.get(type(body), run.status),
        end=end.seq,
        ended_at=end.at,
        error=body.error if isinstance(body, RunError) else UNSET,
        result=body.result if isinstance(body, RunComplete) else UNSET,
    )


def masked(text: str, env: Mapping[str, str]) -> str:
    """The text without the values that were given in confidence, the longest first, also if it has some of the lines of
    one alone."""
    values = {part for value in env.values() for part in (value, *value.splitlines())}
    secrets: Sequence[str] = sorted((value for value in values if len(value) >= SECRET_CHARS), key=len)
    for value in reversed(secrets):
        text = text.replace(value, "***")
    return text


def _note(path: Path) -> _Note | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Note)
    except (OSError, msgspec.MsgspecError):
        return None


def _part(path: Path, size: int, after: int | None) -> tuple[str, int, int]:
    """`size` bytes of a file, its last or those after this one, from the start of a line if there is one; where the
    last line in it ends; and the size of all. Those that follow are whole lines, so that no secret is cut in two."""
    try:
        with path.open("rb") as file:
            whole = os.fstat(file.fileno()).st_size
            start = max(0, whole - size) if after is None else min(after, whole)
            file.seek(start)
            found = file.read(size)
    except OSError:
        return "", 0, 0
    lines = found.rfind(b"\n") + 1
    end = start + (lines or len(found) * (len(found) == size))  # a line that is longer than all of it is cut
    if after is not None:
        return found[: end - start].decode(errors="replace"), end, whole
    if whole > size:
        _, line, rest = found.partition(b"\n")
        found = rest if line else found
    return found.decode(errors="replace"), end, whole
