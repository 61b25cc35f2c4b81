"""Many people who watch, each a session that sleeps: what they weigh, what they use, and how soon they are told."""

import random
import time
from contextlib import ExitStack
from socket import socket
from typing import Final

from bench import machine
from bench.bench import Bench
from bench.crowd import crowd
from bench.hub import COLD, Hub
from bench.reader import dial, read_until
from bench.table import Row, Spread, percentile

WARM: Final = 0.05
"""Of the streams: what the first ones bring is not counted."""


def measure(bench: Bench) -> list[Row]:
    """Once: each number is of many streams."""
    sizes = bench.sizes
    count = sizes.watched
    asleep = crowd(bench, count, 0)
    with (
        Hub(asleep.data, command=COLD, core=bench.server_core) as hub,
        ExitStack() as streams,
        machine.on_core(bench.load_core),
    ):
        bench.say(f"{count} idle streams")
        found = hub.call("GET", "/v1/sessions", params={"limit": count})["sessions"]
        requests = {each["session"]: hub.stream_request(each["session"], each["seq"]) for each in found}
        first = dict(list(requests.items())[: max(1, int(WARM * count))])
        watched = _watch(hub, first, streams)
        time.sleep(sizes.settle_seconds)
        before = hub.memory()
        watched |= _watch(hub, {session: requests[session] for session in requests if session not in first}, streams)
        time.sleep(sizes.settle_seconds)
        kib = (hub.memory() - before) / 1024 / (count - len(first))
        used = hub.cpu_seconds()
        time.sleep(sizes.rest_seconds)
        share = 100 * (hub.cpu_seconds() - used) / sizes.rest_seconds
        told = [_told(hub, watched, number) for number in range(sizes.tells)]
    return [
        _row("idle-memory", f"memory per idle stream, of {count:,}, each of a session that sleeps", "KiB", kib),
        _row("idle-rest", f"use of a core by the hub while {count:,} streams are idle", "%", share, "with heartbeats"),
        _row(
            "idle-delay",
            f"from a change of a session to the one who watches it, among {count:,} idle streams, p99",
            "ms",
            percentile(told, 0.99),
            f"p50 {percentile(told, 0.5):.1f} ms",
        ),
    ]


def _watch(hub: Hub, requests: dict[str, bytes], streams: ExitStack) -> dict[str, socket]:
    found: dict[str, socket] = {}
    for session, request in requests.items():
        found[session] = streams.enter_context(dial(hub.port, request))
        read_until(found[session], b"retry: ")
    return found


def _told(hub: Hub, watched: dict[str, socket], number: int) -> float:
    """Milliseconds from the request that changes some session until it has reached who watches that."""
    session = random.Random(number).choice(list(watched))
    began = time.perf_counter()
    hub.call("PATCH", f"/v1/sessions/{session}", json={"metadata": {"changed": number}})
    read_until(watched[session], b"session-updated")
    return (time.perf_counter() - began) * 1000


def _row(name: str, what: str, unit: str, value: float, note: str = "") -> Row:
    return Row(name=name, what=what, unit=unit, measured=Spread.of([value]), better="less", note=note)
