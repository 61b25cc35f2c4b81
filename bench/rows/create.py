"""A new session, from the request to a host that is there."""

import time
from typing import Final

from bench.bench import Bench
from bench.hub import COLD, ROOST, Hub
from bench.reader import read_first
from bench.table import Row, Spread, percentile

GOAL_WARM_MS: Final = 50.0
GOAL_COLD_MS: Final = 1000.0


def measure(bench: Bench) -> list[Row]:
    """On whatever core the kernel likes. Warm: a host waits already; it is given the time to be there."""
    pause = bench.sizes.warm_up_seconds
    return [
        _row(bench, "create", "warm", ROOST, pause, GOAL_WARM_MS),
        _row(bench, "create-cold", "cold", COLD, 0.0, GOAL_COLD_MS),
    ]


def _row(bench: Bench, name: str, how: str, command: tuple[str, ...], pause: float, goal: float) -> Row:
    medians: list[float] = []
    every: list[float] = []
    with Hub(bench.fresh(name) / "data", command=command) as hub:
        _create(hub, pause)  # the first one may compile
        for run in range(bench.sizes.runs):
            bench.say(f"{bench.sizes.creates} sessions, {how}, run {run + 1} of {bench.sizes.runs}")
            times = [_create(hub, pause) for _ in range(bench.sizes.creates)]
            medians.append(percentile(times, 0.5))
            every += times
    return Row(
        name=name,
        what=f"create to active, scripted, plain folder, {how}, p50",
        unit="ms",
        measured=Spread.of(medians),
        better="less",
        goal=goal,
        note=f"slowest of all {max(every):.0f} ms",
        details={"sessions_per_run": bench.sizes.creates},
    )


def _create(hub: Hub, pause: float) -> float:
    """Milliseconds until a watcher reads `runtime-ready`; the session is removed afterwards."""
    time.sleep(pause)
    began = time.perf_counter()
    session = hub.create()
    read_first(hub.port, hub.stream_request(session), b"\nevent: runtime-ready\n")
    took = time.perf_counter() - began
    hub.delete(session)
    return took * 1000
