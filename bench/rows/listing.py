"""A page of a long list of sessions, over HTTP."""

import statistics
import time
from pathlib import Path
from typing import Any, Final

import anyio

from bench import machine
from bench.bench import Bench
from bench.hub import COLD, Hub
from bench.table import Row, Spread, percentile
from roost.model.envelope import Draft, committed, draft
from roost.model.events import Principal, RuntimeReady, RuntimeStarting, SessionCreated, SessionPaused, WorkspaceSpec
from roost.model.ids import SessionId, new_session_id
from roost.model.record import fold_records
from roost.model.stored import Append
from roost.ports import Store
from roost.storage import lock_folder, open_store

GOAL_MS: Final = 10.0
PAGE: Final = 50
AT_ONCE: Final = 256
OWNER: Final = Principal(user="owner", kind="api-key")


def measure(bench: Bench) -> list[Row]:
    sizes = bench.sizes
    data = bench.fresh("list") / "data"
    data.mkdir()
    bench.say(f"writing {sizes.listed} sessions into the store")
    took = anyio.run(_fill, data, sizes.listed)
    worst: list[float] = []
    medians: list[float] = []
    with Hub(data, command=COLD, core=bench.server_core) as hub:
        for run in range(sizes.runs):
            bench.say(f"{sizes.lists} lists, run {run + 1} of {sizes.runs}")
            with machine.on_core(bench.load_core):
                times = [_list(hub, sizes.listed) for _ in range(sizes.lists)]
            worst.append(percentile(times, 0.99))
            medians.append(percentile(times, 0.5))
    return [
        Row(
            name="list",
            what=f"list {PAGE} of {sizes.listed:,} sessions, p99",
            unit="ms",
            measured=Spread.of(worst),
            better="less",
            goal=GOAL_MS,
            note=f"p50 {statistics.median(medians):.1f} ms",
            details={"p50_ms": medians, "lists_per_run": sizes.lists, "filled_in_seconds": took},
        )
    ]


def _list(hub: Hub, total: int) -> float:
    began = time.perf_counter()
    answer = hub.http.get("/v1/sessions", params={"limit": PAGE})
    took = time.perf_counter() - began
    found: dict[str, Any] = answer.json()
    if found["total"] != total or len(found["sessions"]) != min(PAGE, total):
        raise AssertionError(f"listed {len(found['sessions'])} of {found['total']}")
    return took * 1000


async def _fill(data: Path, count: int) -> float:
    """Write paused sessions straight into the store, as a hub would have left them; the seconds it took."""
    began = time.monotonic()
    with lock_folder(data):
        store = await open_store("sqlite", data)
        for first in range(0, count, AT_ONCE):
            async with anyio.create_task_group() as tasks:
                for number in range(first, min(first + AT_ONCE, count)):
                    tasks.start_soon(_put, store, number)
        await store.close()
    return time.monotonic() - began


async def _put(store: Store, number: int) -> None:
    session = new_session_id()
    at = 1_700_000_000_000 + number
    drafts = _life(session, number)
    record = fold_records(None, [committed(each, seq=seq, at=at) for seq, each in enumerate(drafts, 1)])
    await store.create(Append(session=session, drafts=drafts, at=at, record=record))


def _life(session: SessionId, number: int) -> list[Draft]:
    created = SessionCreated(
        session=session,
        label=f"fix the failing test {number}",
        agent="scripted",
        workspace=WorkspaceSpec(kind="folder", path=f"/srv/projects/{number % 100}"),
        owner=OWNER,
        task=f"The test number {number} fails; find out why.",
        tags=("bench",) if number % 3 else (),
    )
    hub = Principal(user="roost", kind="service")
    return [
        draft(created, by=OWNER),
        draft(RuntimeStarting(epoch=1), by=hub),
        draft(RuntimeReady(epoch=1, pid=1), by=hub),
        draft(SessionPaused(reason="idle"), by=hub),
    ]
