"""A hub that starts, and what it weighs when nobody wants anything of it."""

import time
from contextlib import ExitStack
from typing import Final

from bench.bench import Bench
from bench.hub import Hub
from bench.reader import dial, read_until
from bench.table import Row, Spread

GOAL_SECONDS: Final = 1.0
GOAL_MIB: Final = 100.0
GOAL_STREAM_KIB: Final = 16.0
WARM_STREAMS: Final = 50
SETTLE_SECONDS: Final = 0.5


def measure(bench: Bench) -> list[Row]:
    """On whatever core the kernel likes. The first start may compile: it is not counted, but where only one is made."""
    starts: list[float] = []
    idle: list[float] = []
    streams: list[float] = []
    if bench.sizes.runs > 1:
        Hub(bench.fresh("start") / "data").close()
    for run in range(bench.sizes.runs * bench.sizes.starts):
        bench.say(f"start {run + 1} of {bench.sizes.runs * bench.sizes.starts}")
        with Hub(bench.fresh("start") / "data") as hub:
            starts.append(hub.start_seconds)
            if run < bench.sizes.runs:
                time.sleep(SETTLE_SECONDS)
                idle.append(hub.memory() / 2**20)
                bench.say(f"{bench.sizes.idle_streams} idle streams, run {run + 1} of {bench.sizes.runs}")
                streams.append(_stream_kib(hub, bench.sizes.idle_streams))
    return [
        _row("start", "hub cold start, exec to /readyz 200", "s", starts, GOAL_SECONDS),
        _row("memory", "idle resident memory of the hub alone", "MiB", idle, GOAL_MIB),
        _row(
            "stream-memory",
            f"memory per idle event stream, of {bench.sizes.idle_streams:,}",
            "KiB",
            streams,
            GOAL_STREAM_KIB,
        ),
    ]


def _row(name: str, what: str, unit: str, values: list[float], goal: float) -> Row:
    return Row(name=name, what=what, unit=unit, measured=Spread.of(values), better="less", goal=goal)


def _stream_kib(hub: Hub, count: int) -> float:
    """What each of `count` streams adds, after some have brought what the first ones bring."""
    session = hub.live()
    request = hub.stream_request(session, after=hub.info(session)["seq"])
    with ExitStack() as open_streams:

        def watch() -> None:
            connection = open_streams.enter_context(dial(hub.port, request))
            read_until(connection, b"retry: ")

        for _ in range(WARM_STREAMS):
            watch()
        time.sleep(SETTLE_SECONDS)
        before = hub.memory()
        for _ in range(count):
            watch()
        time.sleep(SETTLE_SECONDS)
        return (hub.memory() - before) / 1024 / count
