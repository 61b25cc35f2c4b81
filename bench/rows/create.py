"""A new session, from the request to a host that is there."""

import time
from typing import Final

from bench.bench import Bench
from bench.hub import Hub
from bench.reader import read_first
from bench.table import Row, Spread, percentile

GOAL_SECONDS: Final = 1.0


def measure(bench: Bench) -> list[Row]:
    """Cold: a process is started for each. On whatever core the kernel likes."""
    medians: list[float] = []
    every: list[float] = []
    with Hub(bench.fresh("create") / "data") as hub:
        _create(hub)  # the first one may compile
        for run in range(bench.sizes.runs):
            bench.say(f"{bench.sizes.creates} sessions, run {run + 1} of {bench.sizes.runs}")
            times = [_create(hub) for _ in range(bench.sizes.creates)]
            medians.append(percentile(times, 0.5))
            every += times
    return [
        Row(
            name="create",
            what="create to active, scripted, plain folder, cold, p50",
            unit="s",
            measured=Spread.of(medians),
            better="less",
            goal=GOAL_SECONDS,
            details={"sessions_per_run": bench.sizes.creates, "slowest": max(every)},
        )
    ]


def _create(hub: Hub) -> float:
    """Seconds until a watcher reads `runtime-ready`; the session is removed afterwards."""
    began = time.perf_counter()
    session = hub.create()
    read_first(hub.port, hub.stream_request(session), b"\nevent: runtime-ready\n")
    took = time.perf_counter() - began
    hub.delete(session)
    return took
