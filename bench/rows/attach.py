"""Coming to a session that is busy and well watched: how long until the first event is there."""

import json
import statistics
import time
from typing import Any, Final

from bench import machine
from bench.bench import Bench
from bench.hub import COLD, Hub, client
from bench.reader import read_first
from bench.script import ENDLESS, deltas
from bench.table import Row, Spread, percentile

GOAL_MS: Final = 50.0
SECONDS_PER_ATTACH: Final = 0.02
"""How often somebody comes."""


def measure(bench: Bench) -> list[Row]:
    sizes = bench.sizes
    bench.tool("fanclient")
    worst: list[float] = []
    details: list[dict[str, Any]] = []
    for run in range(sizes.runs):
        bench.say(f"{sizes.attaches} attaches, run {run + 1} of {sizes.runs}")
        times, observed = _run(bench)
        worst.append(percentile(times, 0.99))
        details.append({"p50_ms": percentile(times, 0.5), "max_ms": max(times), "observers": observed})
    return [
        Row(
            name="attach",
            what=f"attach to {sizes.flow_per_second:,} events/s with {sizes.observers} observers, first event, p99",
            unit="ms",
            measured=Spread.of(worst),
            better="less",
            goal=GOAL_MS,
            note=_note(details),
            details={"attaches_per_run": sizes.attaches, "runs": details},
        )
    ]


def _run(bench: Bench) -> tuple[list[float], dict[str, Any]]:
    """Milliseconds from connecting, without a cursor, to the first event; and what the observers saw meanwhile."""
    sizes = bench.sizes
    seconds = sizes.attaches * SECONDS_PER_ATTACH
    with Hub(bench.fresh("attach") / "data", command=COLD, core=bench.server_core) as hub:
        session = hub.live(host_core=bench.load_core)
        command = [str(bench.tool("fanclient")), str(hub.port), str(sizes.observers), "0", str(seconds)]
        request = hub.stream_request(session, after=hub.info(session)["seq"])
        with client(command, bench.load_core, request) as observers:
            assert observers.stdout is not None
            observers.stdout.readline()
            hub.send(session, deltas(ENDLESS, per_second=sizes.flow_per_second, stamp=True))
            hub.wait(session, status="busy")
            with machine.on_core(bench.load_core):
                times = [_attach(hub, session) for _ in range(sizes.attaches)]
            return times, json.loads(observers.stdout.readline())


def _note(runs: list[dict[str, Any]]) -> str:
    p50 = statistics.median(run["p50_ms"] for run in runs)
    delays = [statistics.median(run["observers"][name] for run in runs) for name in ("p50_ms", "p99_ms")]
    return f"p50 {p50:.1f} ms; delay of the observers' events p50 {delays[0]:.1f} ms, p99 {delays[1]:.1f} ms"


def _attach(hub: Hub, session: str) -> float:
    request = hub.stream_request(session)
    began = time.perf_counter()
    read_first(hub.port, request, b"id: 1\n")
    took = time.perf_counter() - began
    time.sleep(max(0.0, SECONDS_PER_ATTACH - took))
    return took * 1000
