"""The end of a round: everything is healed, nobody acts, all comes to rest; then it is read what there is, and looked
for what is left."""

import errno
import re
from pathlib import Path
from typing import Final

import anyio
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.client.runs import is_idle
from roost.model.envelope import Event, encode_event
from roost.model.info import SessionInfo
from tests.fire.chaos.field import Field
from tests.fire.chaos.history import Left, Logged, Rested
from tests.fire.chaos.observers import digest
from tests.fire.chaos.people import Person
from tests.fire.processes import eventually, listening
from tests.fire.watch import whole_log

REST_SECONDS = 60.0
STILL_SECONDS = 2.0
LOOK_SECONDS = 0.2
GONE_SECONDS = 15.0
RAISED: Final = re.compile(r"(?<=\n)[ |]*(?:\w+[.])*\w*(?:Error|Exception|Disconnected)\b(?:: .*)?(?=\n|\")")
"""The last line of a traceback, in a line of its own or in one of JSON."""
REFUSALS: Final = (errno.EMFILE, errno.ENOSPC, errno.EROFS)
EXPECTED: Final = (*(f"[Errno {number}]" for number in REFUSALS), "CancelledError", "DataUnwritable")
"""What the system refused was the test's doing; and what was cancelled follows from something else."""
LEFT_OVER = ("hub.json", "spool/*", "**/*.new")
"""Files of a data folder that no hub and no host needs any more once all have gone in peace."""


async def come_to_rest(field: Field) -> None:
    """Returns when every session is idle or asleep and nothing waits for anybody, or when that took too long."""
    async with AsyncClient(field.proxy.url, field.key) as client:
        healer = Person("healer", client, list(field.sessions), field.history, field.random, patient=True)

        with anyio.move_on_after(REST_SECONDS):  # if it takes longer the history tells it
            before, since = list[int](), anyio.current_time()
            while not before or anyio.current_time() - since < STILL_SECONDS:
                now = await _at_rest(field, client, healer)
                if now != before:  # a request of somebody who was killed may be on its way
                    before, since = now, anyio.current_time()
                await anyio.sleep(LOOK_SECONDS)


async def _at_rest(field: Field, client: AsyncClient, healer: Person) -> list[int]:
    """The last seq of each session, if all of them rest; else nothing."""
    for one in await client.pending():
        await healer.answer(client.session(one.session), one.request)
    found = [await client.session(session).info() for session in field.sessions]
    return [info.seq for info in found] if all(map(rests, found)) else []


def rests(info: SessionInfo) -> bool:
    return is_idle(info) and not info.pending


async def read_all(field: Field) -> dict[str, int]:
    """Every log, and how every session is. Returns the last seq of each."""
    heads: dict[str, int] = {}
    async with AsyncClient(field.proxy.url, field.key) as client:
        for session in field.sessions:
            handle = client.session(session)
            info = await handle.info()
            log = await whole_log(handle)
            heads[session] = len(log)
            for event in log:
                field.history.add(logged(session, event))
            field.history.add(await rested(handle, info))
    return heads


def logged(session: str, event: Event) -> Logged:
    """An event of its log."""
    run = "" if event.run is UNSET else event.run
    return Logged(session=session, seq=event.seq, body=event.raw, run=run, digest=digest(encode_event(event)))


async def rested(session: AsyncSession, info: SessionInfo) -> Rested:
    """How it is, as this tells."""
    pending = tuple(str(one.request) for one in await session.pending()) if info.pending else ()
    return Rested(
        session=session.id, phase=info.phase, is_busy=not is_idle(info), pending=pending, epoch=info.epoch
    )  # fmt: skip


def look_into_the_log(field: Field) -> None:
    """What nobody expected is in it with where it came from."""
    text = field.hub.log.read_text(errors="replace").replace("\\n", "\n")
    found = {line.strip(" |") for line in RAISED.findall(text)}
    for line in sorted(found):
        if not any(known in line for known in EXPECTED):
            field.surprise(f"the hub's log tells of {line[:300]}")


async def look_for_left(field: Field) -> None:
    """After the hub has been shut down as users do it."""
    for pattern in LEFT_OVER:
        for path in sorted(field.hub.seen.glob(pattern)):
            field.history.add(Left(kind="file", what=str(path.relative_to(field.hub.seen))))
    mounts = [line.split()[1] for line in _mounts(field) if str(field.hub.data) in line]
    for mount in mounts:
        field.history.add(Left(kind="mount", what=mount))


def _mounts(field: Field) -> list[str]:
    """As the hub sees them."""
    return Path(*field.disk.seen.parts[:3], "mounts").read_text().splitlines()


async def look_for_survivors(field: Field) -> None:
    """After its disk is gone too."""

    def none_left() -> bool:
        return not field.fire.left()

    try:
        await eventually(none_left, seconds=GONE_SECONDS)
    except AssertionError:
        for found in field.fire.left():
            field.history.add(Left(kind="process", what=str(found)))
    ports = {field.proxy.port, *(port for hub in field.fire.hubs for port in hub.ports)}
    for port in sorted(listening().keys() & ports):
        field.history.add(Left(kind="port", what=str(port)))
