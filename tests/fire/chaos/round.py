"""One round: a hub, sessions, those who work and watch in them; faults; rest; the verdict."""

import os
import shutil
import traceback
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random
from secrets import token_hex
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, Final, get_args

import anyio

from roost.client import AsyncClient
from tests.fire.chaos.checker import Violation, check
from tests.fire.chaos.client import Plan, Watching
from tests.fire.chaos.crowd import Client
from tests.fire.chaos.faults import FAULTS
from tests.fire.chaos.field import Field
from tests.fire.chaos.history import Answered, History, Invoked, Logged, Seen, View, read
from tests.fire.chaos.hub import PLAYED
from tests.fire.chaos.outcome import Outcome, Shape
from tests.fire.chaos.rest import come_to_rest, look_for_left, look_for_survivors, look_into_the_log, read_all
from tests.fire.clocks import wall_clock
from tests.fire.disks import small_disk
from tests.fire.hubs import MARK, Fire
from tests.fire.processes import eventually

SETTINGS: Final[dict[str, Any]] = {
    "grace_seconds": 1.5,
    "start_timeout_seconds": 20,
    "parked_seconds": 10_800,  # a clock that jumps may pass it
    "sandbox": "none",
    "sse_heartbeat_seconds": 1,
    "link_heartbeat_seconds": 0.3,
    "link_lost_after_seconds": 1.5,
    "link_retry_seconds": 0.5,
    "rate_per_second": 0,
}
MEGABYTES = 48
CROWD_SECONDS = 60.0
"""How long the first of the clients may take to see something."""
CHANCE_SECONDS = 100.0
"""How long each kind of fault is tried, where each must come about."""
AGAIN_SECONDS = 0.3
VIEWS: Final[tuple[View, ...]] = get_args(View)


async def play(seed: int, shape: Shape, keep: Path, *, keep_all: bool = False) -> Outcome:
    """Play it; what was written is kept in `keep` if a promise was broken, or with `keep_all`."""
    random, began = Random(seed), monotonic()
    mark = token_hex(8)
    os.environ[MARK] = mark
    with TemporaryDirectory(prefix="roost-fire-") as folder:
        fire = Fire(Path(folder) / "fire", mark, random)
        fire.folder.mkdir()
        history = History(Path(folder) / "history.jsonl")
        try:
            async with small_disk(fire.folder / "disk", MEGABYTES) as disk, wall_clock(fire.folder / "wall") as wall:
                field = Field(fire, disk, wall, history, random)
                try:
                    await _battle(field, shape)
                except Exception:  # noqa: BLE001  # whatever it was, its history tells more
                    field.surprise(f"the round did not come to its end: {traceback.format_exc()}")
                _keep_logs(field, Path(folder))
            await look_for_survivors(field)
        finally:
            with anyio.CancelScope(shield=True):
                await fire.clean()
            os.environ.pop(MARK, None)
            history.close()
        outcome = _judged(seed, field, history)
        outcome.seconds = monotonic() - began
        if outcome.violations or keep_all:
            outcome.kept = _kept(Path(folder), keep / str(seed))
        return outcome


async def _battle(field: Field, shape: Shape) -> None:
    async with anyio.create_task_group() as tasks:
        await tasks.start(field.proxy.serve)
        await field.open(SETTINGS | {"warm_hosts": 1 if shape.each else field.random.randrange(2)}, shape.mutant)
        tasks.start_soon(field.players.play)
        await _begin(field, shape)
        async with _crowd(field, shape):
            await eventually(lambda: b'"type":"seen"' in field.history.path.read_bytes(), seconds=CROWD_SECONDS)
            await _storm(field, shape)
            field.players.calm()
            async with anyio.create_task_group() as calming:
                for client in field.clients:
                    calming.start_soon(client.calm)
            await come_to_rest(field)
            heads = await read_all(field)
            async with anyio.create_task_group() as ending:
                for client in field.clients:
                    ending.start_soon(_finish, field, client, heads)
        await field.hub.shut_down()
        await look_for_left(field)
        look_into_the_log(field)
        tasks.cancel_scope.cancel()


async def _begin(field: Field, shape: Shape) -> None:
    async with AsyncClient(field.proxy.url, field.key) as client:
        for number in range(shape.sessions + shape.played):
            played = number >= shape.sessions
            session = await client.create_session(agent="scripted", env={PLAYED: "1"} if played else {})
            field.sessions[session.id] = played
        for session in field.sessions:
            await client.session(session).wait_idle()


@asynccontextmanager
async def _crowd(field: Field, shape: Shape) -> AsyncGenerator[None]:
    numbers = count(1)
    sessions = tuple(field.sessions)
    for number in range(shape.clients):
        watching = tuple(
            Watching(session=sessions[(each + number) % len(sessions)], view=VIEWS[each % len(VIEWS)])
            for each in range(shape.observers)
        )
        plan = Plan(
            number=0, seed=f"{field.random.random()}", url=field.proxy.url, key=field.key, sessions=sessions,
            history=str(field.history.path), observers=watching, people=shape.people, deciders=shape.deciders,
        )  # fmt: skip
        field.clients.append(Client(plan, numbers, field.fire.folder, field.history))
    try:
        for client in field.clients:
            await client.start()
        yield
    finally:
        with anyio.CancelScope(shield=True):
            for client in field.clients:
                await client.end()


async def _finish(field: Field, client: Client, heads: dict[str, int]) -> None:
    if not await client.finish(heads):
        field.surprise("observers of one client have not seen the end")


async def _storm(field: Field, shape: Shape) -> None:
    """Faults until the time is over; then all of them heal, and the hub runs."""
    weights = shape.weights or {name: kind.weight for name, kind in FAULTS.items()}
    names = list(weights)
    field.random.shuffle(names)
    at_once = anyio.Semaphore(shape.at_once)
    until = anyio.current_time() + shape.seconds
    async with anyio.create_task_group() as tasks:
        while names if shape.each else anyio.current_time() < until:
            name = names.pop() if shape.each else field.random.choices(names, [weights[name] for name in names])[0]
            await at_once.acquire()
            tasks.start_soon(_strike, field, name, at_once, shape.each)
            await anyio.sleep(field.random.uniform(0, shape.pause_seconds))
    field.proxy.heal()
    if not field.hub_lives:
        await field.revive()


async def _strike(field: Field, name: str, at_once: anyio.Semaphore, surely: bool) -> None:
    """`surely`: try until there is somebody whom it can befall."""
    before, until = field.faults[name], anyio.current_time() + CHANCE_SECONDS
    try:
        await FAULTS[name].do(field)
        while surely and field.faults[name] == before and anyio.current_time() < until:
            await anyio.sleep(AGAIN_SECONDS)
            await FAULTS[name].do(field)
        if not field.turn.locked():  # else it is being started just now
            await _look_after(field, name)
    finally:
        at_once.release()


async def _look_after(field: Field, name: str) -> None:
    """The hub must not have ended by itself."""
    async with field.turn:
        if not field.hub_lives:
            field.surprise(f"the hub has ended by itself at the time of {name}")
            await field.hub.kill()
            await field.revive()


def _keep_logs(field: Field, folder: Path) -> None:
    for hub in field.fire.hubs:
        for log in [hub.log, *hub.seen.glob("logs/*.log"), *field.fire.folder.glob("client-*.log")]:
            shutil.copy(log, folder)


def _judged(seed: int, field: Field, history: History) -> Outcome:
    entries = list(read(history.path))
    kinds = {entry.op: entry.kind for entry in entries if isinstance(entry, Invoked)}
    answers = [f"{kinds[entry.op]} {entry.outcome}" for entry in entries if isinstance(entry, Answered)]
    violations: list[Violation] = check(entries)
    kills: Counter[str] = Counter()
    for name, number in field.faults.items():
        if (victim := FAULTS[name].kills) is not None:
            kills[victim] += number
    return Outcome(
        seed=seed,
        seconds=0,
        faults=field.faults,
        kills=kills,
        operations=Counter(answers),
        events=sum(isinstance(entry, Logged) for entry in entries),
        seen=sum(isinstance(entry, Seen) for entry in entries),
        violations=[*field.surprises, *map(str, violations)],
    )


def _kept(folder: Path, keep: Path) -> Path:
    """The history and all logs, beside each other."""
    keep.mkdir(parents=True, exist_ok=True)
    for file in [*folder.glob("*.jsonl"), *folder.glob("*.log")]:
        shutil.copy(file, keep)
    return keep
