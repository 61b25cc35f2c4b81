"""Stores as a hub would have left them, written straight, without the hub: many sessions asleep, one of them long."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import anyio

from bench.bench import Bench
from bench.script import text_delta
from roost.model.envelope import Draft, committed, decode_body, draft
from roost.model.events import (
    MessageDone,
    MessageStart,
    PartDone,
    PartStart,
    Principal,
    RunComplete,
    RunStart,
    RuntimeReady,
    RuntimeStarting,
    SessionCreated,
    SessionPaused,
    TextDelta,
    TextInput,
    WorkspaceSpec,
)  # fmt: skip
from roost.model.ids import SessionId, new_message_id, new_run_id, new_session_id
from roost.model.snapshot import Fold
from roost.model.stored import Append
from roost.ports import Store
from roost.storage import lock_folder, open_store

OWNER: Final = Principal(user="owner", kind="api-key")
HUB: Final = Principal(user="roost", kind="service")
FOLDERS: Final = 100
AREAS: Final = 20
STRIDE: Final = 7919
"""From one number that is asked for to the next: prime, so that they are far apart and none comes twice."""
RUN_EVENTS: Final = 100
"""Events of one run of the long session."""
_AT_ONCE: Final = 256
_BEGAN_MS: Final = 1_700_000_000_000


class Crowd(NamedTuple):
    """A data folder that no hub has yet; `long`: the session with all the events; `seconds`: to write it."""

    data: Path
    long: SessionId
    seconds: float


def crowd(bench: Bench, sessions: int, events: int) -> Crowd:
    """So many sessions, one of them with at least so many events. Made once in a bench; hubs may use it in turns."""
    return bench.kept(f"crowd-{sessions}-{events}", lambda: _written(bench, sessions, events))


def told(number: int) -> str:
    """Words that only the session of this number has."""
    return f"number {number} fails"


def _written(bench: Bench, sessions: int, events: int) -> Crowd:
    bench.say(f"writing {sessions:,} sessions and {events:,} events into a store")
    began = time.monotonic()
    data = bench.fresh("crowd") / "data"
    data.mkdir()
    long = anyio.run(_fill, data, sessions, events)
    return Crowd(data, long, time.monotonic() - began)


async def _fill(data: Path, sessions: int, events: int) -> SessionId:
    with lock_folder(data):
        store = await open_store("sqlite", data)
        long = await _put(store, 0, events)
        for first in range(1, sessions, _AT_ONCE):
            async with anyio.create_task_group() as tasks:
                for number in range(first, min(first + _AT_ONCE, sessions)):
                    tasks.start_soon(_put, store, number)
        await store.close()
    return long


async def _put(store: Store, number: int, events: int = 0) -> SessionId:
    """Write one session; what begins and ends it counts among its events."""
    session, fold, new = new_session_id(), Fold.empty(), True
    at = _BEGAN_MS + number
    for drafts in _life(session, number, events):
        for seq, each in enumerate(drafts, fold.seq + 1):
            fold.apply(committed(each, seq=seq, at=at))
        append = Append(session=session, drafts=drafts, at=at, record=fold.record, messages=fold.take_finished())
        await (store.create(append) if new else store.append(append))
        new = False
    return session


def _life(session: SessionId, number: int, events: int) -> Iterator[list[Draft]]:
    """What is committed together. What is even is shared, so that every reader finds something."""
    created = SessionCreated(
        session=session,
        label=f"fix the failing test {number}",
        agent="scripted",
        workspace=WorkspaceSpec(kind="folder", path=f"/srv/projects/{number % FOLDERS}"),
        owner=OWNER,
        task=f"The test {told(number)}; find out why.",
        tags=(f"area-{number % AREAS}", "bench") if number % 3 else (f"area-{number % AREAS}",),
        visibility="private" if number % 2 else "organization",
    )
    starts = [draft(RuntimeStarting(epoch=1), by=HUB), draft(RuntimeReady(epoch=1, pid=1), by=HUB)]
    ends = [draft(SessionPaused(reason="idle"), by=HUB)]
    if not events:
        yield [draft(created, by=OWNER), *starts, *ends]
        return
    yield [draft(created, by=OWNER), *starts]
    for _ in range(0, events, RUN_EVENTS):
        yield _run()
    yield ends


def _run() -> list[Draft]:
    """A prompt, and a message of many deltas: RUN_EVENTS events."""
    run, delta = new_run_id(), decode_body(text_delta())
    assert isinstance(delta, TextDelta)
    message, part = delta.message, delta.part
    asked = RunStart(message=new_message_id(), input=(TextInput(text="and what then?"),))
    begins = (MessageStart(message=message), PartStart(message=message, part=part))
    ends = (PartDone(message=message, part=part), MessageDone(message=message), RunComplete())
    said = draft(delta, run=run)
    return [
        draft(asked, run=run, by=OWNER),
        *(draft(body, run=run) for body in begins),
        *[said] * (RUN_EVENTS - 1 - len(begins) - len(ends)),
        *(draft(body, run=run) for body in ends),
    ]
