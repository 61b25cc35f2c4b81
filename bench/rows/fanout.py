"""Deliveries of a live session's events to many who watch it, against a C server that only writes bytes."""

import json
import statistics
import subprocess
from collections.abc import Callable
from typing import Any, Final

from bench import machine
from bench.bench import Bench
from bench.hub import COLD, Hub, client
from bench.script import ENDLESS, deltas
from bench.table import Row, against

GOAL: Final = 0.8
REQUEST: Final = b"GET / HTTP/1.1\r\n\r\n"


def measure(bench: Bench) -> list[Row]:
    for name in ("fanclient", "fanserver"):
        bench.tool(name)
    return [_row(bench, subscribers) for subscribers in bench.sizes.subscribers]


def _row(bench: Bench, subscribers: int) -> Row:
    ours: list[dict[str, Any]] = []
    limits: list[dict[str, Any]] = []
    for run in range(bench.sizes.runs):
        bench.say(f"{subscribers} subscribers, run {run + 1} of {bench.sizes.runs}")
        ours.append(hub_run(bench, subscribers))
        limits.append(_limit_run(bench, subscribers, _frame_bytes(ours[-1]), _grouping(ours[-1])))
    measured, limit, ratio = against([_rate(run) for run in ours], [_rate(run) for run in limits])
    return Row(
        name=f"fanout-{subscribers}",
        what=f"SSE deliveries, {subscribers} subscribers, live writer",
        unit="deliveries/s",
        measured=measured,
        limit=limit,
        ratio=ratio,
        better="more",
        goal=GOAL,
        note=_note(ours, limits),
        details={"hub": ours, "limit": limits},
    )


def hub_run(bench: Bench, subscribers: int, meanwhile: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """The hub on its core; on the other one the host that writes as fast as it is acknowledged, and the load client.
    `meanwhile` is given the hub's pid."""
    with Hub(bench.fresh("fanout") / "data", command=COLD, core=bench.server_core) as hub:
        session = hub.live(host_core=bench.load_core)
        request = hub.stream_request(session, after=hub.info(session)["seq"])
        with client(_command(bench, hub.port, subscribers), bench.load_core, request) as counting:
            _await_up(counting)
            hub.send(session, deltas(ENDLESS, stamp=True))
            meanwhile(hub.process.pid)
            return _read(counting)


def _limit_run(bench: Bench, subscribers: int, frame_bytes: int, grouping: int) -> dict[str, Any]:
    """The C server in the hub's place, with frames as large and as many of them in a write."""
    command = [bench.tool("fanserver"), str(frame_bytes), str(grouping)]
    server = machine.spawn(command, bench.server_core, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline())
        with client(_command(bench, port, subscribers), bench.load_core, REQUEST) as counting:
            _await_up(counting)
            server.stdin.write(b"go\n")
            server.stdin.flush()
            return _read(counting) | {"frame_bytes": frame_bytes, "frames_per_write": grouping}
    finally:
        server.kill()
        server.communicate()


def _command(bench: Bench, port: int, subscribers: int) -> list[str]:
    sizes = bench.sizes
    return [*map(str, (bench.tool("fanclient"), port, subscribers, sizes.warm_seconds, sizes.seconds))]


def _await_up(counting: "subprocess.Popen[bytes]") -> None:
    assert counting.stdout is not None
    line = counting.stdout.readline()
    if line != b"up\n":
        raise RuntimeError(f"not every subscriber was answered: {line!r}")


def _read(counting: "subprocess.Popen[bytes]") -> dict[str, Any]:
    assert counting.stdout is not None
    found = json.loads(counting.stdout.readline())
    if not found["deliveries"] or found["closed"] or found["gaps"] or found["doubles"]:
        raise RuntimeError(f"the stream broke: {found}")
    return found


def _note(ours: list[dict[str, Any]], limits: list[dict[str, Any]]) -> str:
    p50, p99, limit_p50, limit_p99 = (
        statistics.median(run[name] for run in runs) for runs in (ours, limits) for name in ("p50_ms", "p99_ms")
    )
    return (
        f"delay p50 {p50:.0f} ms, p99 {p99:.0f} ms (limit {limit_p50:.0f} and {limit_p99:.0f}); frames of "
        f"{limits[-1]['frame_bytes']} bytes, {limits[-1]['frames_per_write']} in a write; no gap, nothing twice"
    )


def _rate(run: dict[str, Any]) -> float:
    return run["deliveries"] / run["seconds"]


def _frame_bytes(run: dict[str, Any]) -> int:
    return round(run["bytes"] / run["deliveries"])


def _grouping(run: dict[str, Any]) -> int:
    """Events in one write to one subscriber."""
    return max(1, round(run["write_deliveries"] / max(1, run["writes"])))
