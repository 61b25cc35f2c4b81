"""Many sessions live at once, each with a host of its own: what hosts weigh, what all of it uses, how late it is."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final, NamedTuple

import psutil

from bench.bench import Bench
from bench.hub import PATIENCE_SECONDS, ROOST, Hub
from bench.reader import Watch, dial, read_until
from bench.script import deltas
from bench.table import Row, Spread, percentile

AT_ONCE: Final = 4
"""Requests on the way together."""
PER_SECOND: Final = 2
"""Events of each session."""
FIRST: Final = 2 * PER_SECOND
"""The number of the first event whose delay counts: until then prompts are still being sent."""
MIB: Final = 2**20


class Load(NamedTuple):
    """What share of a core the hub has used, and all hosts together, in percent."""

    hub: float
    hosts: float


def measure(bench: Bench) -> list[Row]:
    """On whatever cores the kernel likes, once: each number is of many sessions."""
    sizes = bench.sizes
    with Hub(bench.fresh("live") / "data", command=ROOST) as hub, ThreadPoolExecutor(AT_ONCE) as requests:
        time.sleep(sizes.warm_up_seconds)
        bench.say(f"making {sizes.live} sessions live")
        began = time.monotonic()
        sessions = list(requests.map(lambda _: hub.create(), range(sizes.live)))
        for session in sessions:
            hub.wait(session, phase="active")
        took = time.monotonic() - began
        hosts = [psutil.Process(hub.host_pid(session)) for session in sessions]
        memory = _memory_row(hub, hosts, took)
        bench.say(f"{sizes.live} live sessions at rest")
        rest = _load(hub, hosts, lambda: time.sleep(sizes.rest_seconds))
        bench.say(f"{sizes.live} live sessions at work")
        work, delays = _work(bench, hub, hosts, sessions, requests)
    return [memory, _rest_row(sizes.live, rest), _delay_row(sizes.live, work, delays)]


def _work(
    bench: Bench, hub: Hub, hosts: Sequence[psutil.Process], sessions: Sequence[str], requests: ThreadPoolExecutor
) -> tuple[Load, list[float]]:
    """Every session writes, and somebody watches it; the delays in ms."""
    count = bench.sizes.live_events
    prompt = deltas(count, per_second=PER_SECOND, stamp=True)
    with ExitStack() as streams:
        requested = [hub.stream_request(session, after=hub.info(session)["seq"]) for session in sessions]
        connections = [streams.enter_context(dial(hub.port, request)) for request in requested]
        for connection in connections:
            read_until(connection, b"retry: ")
        watch = Watch(connections, first=FIRST)
        sent = [requests.submit(hub.send, session, prompt) for session in sessions]
        load = _load(hub, hosts, lambda: watch.read(count, PATIENCE_SECONDS + count / PER_SECOND))
        for each in sent:
            each.result()
    return load, watch.delays_ms


def _load(hub: Hub, hosts: Sequence[psutil.Process], meanwhile: Callable[[], None]) -> Load:
    before, began = (hub.cpu_seconds(), _cpu_seconds(hosts)), time.monotonic()
    meanwhile()
    seconds = time.monotonic() - began
    return Load(
        100 * (hub.cpu_seconds() - before[0]) / seconds,
        100 * (_cpu_seconds(hosts) - before[1]) / seconds,
    )


def _cpu_seconds(hosts: Iterable[psutil.Process]) -> float:
    return sum(sum(host.cpu_times()[:2]) for host in hosts)


def _memory_row(hub: Hub, hosts: Sequence[psutil.Process], took: float) -> Row:
    found = [host.memory_full_info() for host in hosts]
    own, whole = (sum(getattr(each, name) for each in found) / MIB / len(found) for name in ("uss", "pss"))
    note = (
        f"{own:.1f} MiB its own, the rest its share of what they have in common; all were live within {took:.1f} s; "
        f"resident memory of the hub {hub.memory() / MIB:.0f} MiB"
    )
    return _row("live-memory", f"memory of a host, of {len(hosts)} live sessions", "MiB", whole, note)


def _rest_row(live: int, load: Load) -> Row:
    note = f"all hosts together {load.hosts:.1f} %"
    return _row("live-rest", f"use of a core by the hub while {live} live sessions rest", "%", load.hub, note)


def _delay_row(live: int, load: Load, delays: Sequence[float]) -> Row:
    what = f"delay of an event, {live} live sessions with {PER_SECOND} a second and a watcher each, p99"
    note = (
        f"p50 {percentile(delays, 0.5):.1f} ms; no gap, nothing twice; the hub used {load.hub:.0f} % of a core, "
        f"all hosts together {load.hosts:.0f} %"
    )
    return _row("live-delay", what, "ms", percentile(delays, 0.99), note)


def _row(name: str, what: str, unit: str, value: float, note: str) -> Row:
    return Row(name=name, what=what, unit=unit, measured=Spread.of([value]), better="less", note=note)
