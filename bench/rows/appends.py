"""Events that hosts append over the link, acknowledged once they are durable, against SQLite alone."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from bench import machine
from bench.bench import Bench
from bench.hub import PATIENCE_SECONDS, RECORDED, Hub
from bench.table import Row, against
from bench.tickets import read_tickets

GOAL: Final = 0.5


def measure(bench: Bench) -> list[Row]:
    goals = [GOAL] + [None] * len(bench.sizes.batches)
    return [_row(bench, batch, goal) for batch, goal in zip(bench.sizes.batches, goals, strict=False)]


def _row(bench: Bench, batch: int, goal: float | None) -> Row:
    ours: list[dict[str, Any]] = []
    limits: list[dict[str, Any]] = []
    for run in range(bench.sizes.runs):
        bench.say(f"{bench.sizes.hosts} sessions, {batch} events in a batch, run {run + 1} of {bench.sizes.runs}")
        ours.append(hub_run(bench, batch))
        limits.append(_limit_run(bench, batch))
    size = "1 event" if batch == 1 else f"{batch} events"
    measured, limit, ratio = against([_rate(run) for run in ours], [_rate(run) for run in limits])
    return Row(
        name=f"appends-{batch}",
        what=f"durable appends over the link, {bench.sizes.hosts} sessions, {size} per batch",
        unit="events/s",
        measured=measured,
        limit=limit,
        ratio=ratio,
        better="more",
        goal=goal,
        details={"hub": ours, "limit": limits},
    )


def hub_run(bench: Bench, batch: int, meanwhile: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """The hub on its core; all hosts, in one process, on the other. `meanwhile` is given the hub's pid."""
    with Hub(bench.fresh("appends") / "data", command=RECORDED, core=bench.server_core) as hub:
        for _ in range(bench.sizes.hosts):
            hub.create("the fleet plays this session's host")
        until = time.monotonic() + PATIENCE_SECONDS
        while len(read_tickets(hub.data)) < bench.sizes.hosts:
            if time.monotonic() > until:
                raise TimeoutError("the hub gave out too few tickets")
            time.sleep(0.01)
        given = ("bench.fleet", str(hub.data), str(batch))
        return _run(bench, *given, core=bench.load_core, meanwhile=lambda: meanwhile(hub.process.pid))


def _limit_run(bench: Bench, batch: int) -> dict[str, Any]:
    path = bench.fresh("rawlog") / "log.db"
    return _run(bench, "bench.rawlog", str(path), str(bench.sizes.hosts), str(batch), core=bench.server_core)


def _run(
    bench: Bench, module: str, *given: str, core: int, meanwhile: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    seconds = map(str, (bench.sizes.warm_seconds, bench.sizes.seconds))
    process = machine.spawn([sys.executable, "-m", module, *given, *seconds], core, stdout=subprocess.PIPE)
    try:
        meanwhile()
        told, _ = process.communicate(timeout=PATIENCE_SECONDS + bench.sizes.seconds)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise RuntimeError(f"{module} failed with exit code {process.returncode}")
    return json.loads(told)


def _rate(run: dict[str, Any]) -> float:
    return run["events"] / run["seconds"]
