"""The Coder view against the native stream: the deltas of a sub-agent to as many subscribers, in frames as large."""

import itertools
import json
import time
from collections.abc import Callable
from contextlib import closing
from statistics import median
from typing import Any, Final

from bench import machine
from bench.bench import Bench
from bench.hub import COLD, PATIENCE_SECONDS, Hub, client
from bench.reader import dial, read_first, read_until
from bench.script import ENDLESS
from bench.table import Row, Spread, against

GOAL: Final = 0.7
HYDRATED: Final = b'"tasks":[]}'
"""The end of a hydration: a list of tasks, where the snapshot before it has none."""
FRAME_BYTES: Final = 1024
"""What one event is on the wire, on every side."""
MARK: Final = '"delta":"'
PROBE_BYTES: Final = 100
QUIET_SECONDS: Final = 0.5
QUIET_SHARE: Final = 0.05
"""A hub that uses less of its core for so long is at rest."""
TASK: Final = "task_1"
UPGRADE: Final = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n"
NONCE: Final = "AAAAAAAAAAAAAAAAAAAAAA=="

Request = Callable[[Hub, str], bytes]


def _native(hub: Hub, session: str) -> bytes:
    return hub.stream_request(session, after=hub.info(session)["seq"])


def _sse(hub: Hub, session: str) -> bytes:
    return _get(hub, f"/api/hub/session/{session}/events", "Accept: text/event-stream\r\n")


def _socket(hub: Hub, session: str) -> bytes:
    return _get(hub, f"/api/ws?sessionId={session}&role=observer", UPGRADE.format(NONCE))


def _get(hub: Hub, path: str, headers: str) -> bytes:
    host = f"Host: 127.0.0.1:{hub.port}\r\nAuthorization: Bearer {hub.key}\r\n"
    return f"GET {path} HTTP/1.1\r\n{host}{headers}\r\n".encode()


SIDES: Final[dict[str, Request]] = {"SSE": _sse, "WebSocket": _socket}


def measure(bench: Bench) -> list[Row]:
    bench.tool("fanclient")
    return [*itertools.chain.from_iterable(_fanout(bench, count) for count in bench.sizes.subscribers), _attach(bench)]


# --- fan-out ----------------------------------------------------------------------------------------------------------


def _fanout(bench: Bench, subscribers: int) -> list[Row]:
    """Each run of either side has a run of the native stream beside it."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in ("native", *SIDES)}
    for run in range(bench.sizes.coder_runs):
        for side, request in (("native", _native), *SIDES.items()):
            bench.say(f"{side}, {subscribers} subscribers, run {run + 1} of {bench.sizes.coder_runs}")
            runs[side].append(_run(bench, subscribers, request))
    return [_row(side, subscribers, runs[side], runs["native"]) for side in SIDES]


def _row(side: str, subscribers: int, ours: list[dict[str, Any]], native: list[dict[str, Any]]) -> Row:
    measured, limit, ratio = against([_rate(run) for run in ours], [_rate(run) for run in native])
    sizes = [round(run["bytes"] / run["deliveries"]) for run in (ours[-1], native[-1])]
    cpu = median(run["hub_us"] for run in native) / median(run["hub_us"] for run in ours)
    return Row(
        name=f"coder-{side.lower()}-{subscribers}",
        what=f"Coder view, {side}, {subscribers} subscribers, against the native stream",
        unit="deliveries/s",
        measured=measured,
        limit=limit,
        ratio=ratio,
        better="more",
        goal=GOAL,
        note=f"deltas of a sub-agent, frames of {sizes[0]} bytes (native {sizes[1]}); no gap, nothing twice; "
        f"{cpu:.2f} by the CPU time of the hub for each delivery, which other load changes less",
        details={"coder": ours, "native": native},
    )


def _run(bench: Bench, subscribers: int, request: Request) -> dict[str, Any]:
    """The hub on its core; on the other one the host that writes as fast as it is acknowledged, and the load client."""
    sizes = bench.sizes
    with Hub(bench.fresh("coder") / "data", command=COLD, core=bench.server_core) as hub:
        session = hub.live(host_core=bench.load_core)
        size = PROBE_BYTES + FRAME_BYTES - _probe(hub, session, request)
        command = [*map(str, (bench.tool("fanclient"), hub.port, subscribers, sizes.warm_seconds, sizes.seconds, MARK))]
        with client(command, bench.load_core, request(hub, session)) as counting:
            assert counting.stdout is not None
            if counting.stdout.readline() != b"up\n":
                raise RuntimeError("not every subscriber was answered")
            _settle(hub)
            hub.send(session, _deltas(ENDLESS, size))
            time.sleep(sizes.warm_seconds)
            began, used = time.monotonic(), hub.cpu_seconds()
            found: dict[str, Any] = json.loads(counting.stdout.readline())
            share = (hub.cpu_seconds() - used) / (time.monotonic() - began)
    if not found["deliveries"] or found["closed"] or found["gaps"] or found["doubles"]:
        raise RuntimeError(f"the stream broke: {found}")
    return found | {"hub_us": share / _rate(found) * 1e6}


def _settle(hub: Hub) -> None:
    """Wait until the hub has nothing more to do: whoever was answered has yet to be given what was before, and to be
    told of all who came. A flood that begins in between measures that."""
    until, busy = time.monotonic() + PATIENCE_SECONDS, True
    while busy:
        if time.monotonic() > until:
            raise TimeoutError("the hub does not come to rest")
        before = hub.cpu_seconds()
        time.sleep(QUIET_SECONDS)
        busy = hub.cpu_seconds() - before > QUIET_SECONDS * QUIET_SHARE


def _probe(hub: Hub, session: str, request: Request) -> int:
    """The bytes on the wire of one frame whose delta has PROBE_BYTES: from one delta to the next."""
    with closing(dial(hub.port, request(hub, session))) as connection:
        read_until(connection, b"hydration" if request is not _native else b"\r\n\r\n")
        hub.send(session, _deltas(3, PROBE_BYTES))
        taken = read_until(connection, f"{MARK}00000002".encode())
    hub.wait(session, status="idle")
    return taken.index(f"{MARK}00000002".encode()) - taken.index(f"{MARK}00000001".encode())


def _deltas(count: int, size: int) -> str:
    return "script:" + json.dumps([{"deltas": {"count": count, "bytes": size, "task": TASK}}])


def _rate(run: dict[str, Any]) -> float:
    return run["deliveries"] / run["seconds"]


# --- attach -----------------------------------------------------------------------------------------------------------


def _attach(bench: Bench) -> Row:
    """A long conversation, and somebody who comes: until the whole of what they are given first is there."""
    entries = bench.sizes.history
    bench.say(f"attach to {entries} entries")
    with (
        Hub(bench.fresh("coder") / "data", command=COLD, core=bench.server_core) as hub,
        machine.on_core(bench.load_core),
    ):
        session = hub.live()
        hub.send(session, "script:[" + ",".join(['{"text":"word"}'] * entries) + "]")
        hub.wait(session, status="idle")
        times = [_attach_once(hub, session) for _ in range(bench.sizes.attaches)]
        held = len(hub.call("GET", f"/api/hub/session/{session}/replay")["entries"])
    return Row(
        name="coder-attach",
        what=f"Coder view, attach with a history of {entries:,} entries, until the hydration is there",
        unit="ms",
        measured=Spread.of(times),
        better="less",
        note=f"{held:,} entries in the replay, the end of which is given; {times[0]:.0f} ms for the first who comes, "
        "the others share what was made then",
        details={"times_ms": times},
    )


def _attach_once(hub: Hub, session: str) -> float:
    began = time.perf_counter()
    read_first(hub.port, _sse(hub, session), HYDRATED)
    return (time.perf_counter() - began) * 1000
