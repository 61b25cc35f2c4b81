"""One reader who comes late: from the request to the last event of a long session."""

import time
from typing import Final

from bench import machine
from bench.bench import Bench
from bench.hub import COLD, Hub
from bench.reader import read_first, seqs
from bench.script import deltas
from bench.table import Row, Spread, percentile

GOAL_MS: Final = 60.0


def measure(bench: Bench) -> list[Row]:
    history = bench.sizes.history
    medians: list[float] = []
    worst: list[float] = []
    with Hub(bench.fresh("catchup") / "data", command=COLD, core=bench.server_core) as hub:
        session = hub.live(host_core=bench.load_core)
        bench.say(f"writing {history} events")
        hub.send(session, deltas(history))
        head = hub.wait(session, status="idle")["seq"]
        for run in range(bench.sizes.runs):
            bench.say(f"reading {head} events, run {run + 1} of {bench.sizes.runs}")
            with machine.on_core(bench.load_core):
                times = [_read_all(hub, session, head) for _ in range(bench.sizes.reads)]
            medians.append(percentile(times, 0.5))
            worst.append(max(times))
    return [
        Row(
            name="catchup",
            what=f"catch-up with {history:,} events, one reader",
            unit="ms",
            measured=Spread.of(medians),
            better="less",
            goal=GOAL_MS,
            details={"events": head, "reads_per_run": bench.sizes.reads, "slowest_ms": worst},
        )
    ]


def _read_all(hub: Hub, session: str, head: int) -> float:
    """Milliseconds, connecting included; afterwards, that each event came once."""
    request = hub.stream_request(session)
    began = time.perf_counter()
    stream = read_first(hub.port, request, b"id: %d\n" % head)
    took = time.perf_counter() - began
    if seqs(stream) != list(range(1, head + 1)):
        raise AssertionError("the reader did not get every event once")
    return took * 1000
