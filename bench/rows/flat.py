"""What history costs: a hub with many sessions, one of them long, beside one that holds a page of them."""

import json
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from bench import machine
from bench.bench import Bench
from bench.crowd import STRIDE, crowd, told
from bench.hub import COLD, Hub
from bench.reader import read_first
from bench.sizes import FEW_EVENTS
from bench.table import Row, against, percentile

GOAL: Final = 1.5
PAGE: Final = 50


class Side(NamedTuple):
    """A hub over its store; `sessions`: how many it has."""

    hub: Hub
    long: str
    sessions: int

    def change(self, number: int) -> None:
        """A session changes, so that no count is remembered from before."""
        path = self.hub.call("GET", "/v1/sessions", params={"limit": 1})["sessions"][0]["session"]
        self.hub.call("PATCH", f"/v1/sessions/{path}", json={"metadata": {"changed": number}})


class Act(NamedTuple):
    """What is timed; `goal`: for the ratio."""

    name: str
    what: str
    do: Callable[[Side, int], None]
    goal: float | None = GOAL


def _attach(side: Side, _: int) -> None:
    """As clients do: the snapshot, then what comes after it."""
    found = side.hub.http.get(f"/v1/sessions/{side.long}/snapshot")
    seq: int = json.loads(found.content)["seq"]
    read_first(side.hub.port, side.hub.stream_request(side.long, after=seq), b"retry: ")


def _follow(side: Side, _: int) -> None:
    read_first(side.hub.port, side.hub.stream_request(side.long), b"id: 1\n")


def _list(side: Side, _: int) -> None:
    _page(side, {}, side.sessions)


def _search_rare(side: Side, number: int) -> None:
    _page(side, {"q": told(number * STRIDE % side.sessions)}, 1)


def _search_frequent(side: Side, _: int) -> None:
    _page(side, {"q": "failing"}, side.sessions)


def _page(side: Side, query: dict[str, str], total: int) -> None:
    found = side.hub.call("GET", "/v1/sessions", params={**query, "limit": PAGE})
    if found["total"] != total or len(found["sessions"]) != min(PAGE, total):
        raise AssertionError(f"{query}: {len(found['sessions'])} of {found['total']}, not of {total}")


ACTS: Final = (
    Act("attach", "attach: snapshot and stream", _attach),
    Act("follow", "follow from the start, first event", _follow),
    Act("list", f"list of {PAGE}", _list),
    Act("search", "search for what one session has", _search_rare),
    Act("search-frequent", "search for what all have", _search_frequent, None),
)


def measure(bench: Bench) -> list[Row]:
    sizes = bench.sizes
    few_sessions, few_events = min(PAGE, sizes.listed), min(FEW_EVENTS, sizes.long)
    many, few = crowd(bench, sizes.listed, sizes.long), crowd(bench, few_sessions, few_events)
    starts = [_starts(bench, many.data, few.data) for _ in range(sizes.runs - 1)]
    with _hub(bench, many.data) as ours, _hub(bench, few.data) as theirs:
        starts.append((ours.start_seconds, theirs.start_seconds))
        sides = (Side(ours, many.long, sizes.listed), Side(theirs, few.long, few_sessions))
        rows = [_row(f"flat-{act.name}", act.what, "ms", _asked(bench, sides, act), act.goal) for act in ACTS]
        memory = (ours.memory() / 2**20, theirs.memory() / 2**20)
    rows.append(_row("flat-memory", "resident memory of the hub afterwards", "MiB", [memory], GOAL))
    rows.append(_row("flat-start", "start, exec to /readyz 200", "s", starts, GOAL))
    about = f"{sizes.listed:,} sessions, one of {sizes.long:,} events, against {few_sessions}, one of {few_events:,}"
    rows[0] = msgspec.structs.replace(rows[0], note=f"flat: {about}", details={"filled_in_seconds": many.seconds})
    return rows


def _hub(bench: Bench, data: Path) -> Hub:
    return Hub(data, command=COLD, core=bench.server_core)


def _starts(bench: Bench, *stores: Path) -> tuple[float, ...]:
    bench.say("starts")
    seconds: list[float] = []
    for data in stores:
        with _hub(bench, data) as hub:
            seconds.append(hub.start_seconds)
    return tuple(seconds)


def _asked(bench: Bench, sides: Sequence[Side], act: Act) -> list[tuple[float, ...]]:
    """The median of both sides in ms, for every run. They are asked in turns."""
    found: list[tuple[float, ...]] = []
    for run in range(bench.sizes.runs):
        bench.say(f"{act.what}, run {run + 1} of {bench.sizes.runs}")
        times: dict[Side, list[float]] = {side: [] for side in sides}
        with machine.on_core(bench.load_core):
            for number, side in product(range(bench.sizes.asks), sides):
                side.change(number)
                began = time.perf_counter()
                act.do(side, number)
                times[side].append((time.perf_counter() - began) * 1000)
        found.append(tuple(percentile(each, 0.5) for each in times.values()))
    return found


def _row(name: str, what: str, unit: str, pairs: Sequence[tuple[float, ...]], goal: float | None) -> Row:
    measured, limit, ratio = against(*zip(*pairs, strict=True))
    return Row(
        name=name,
        what=f"flat: {what}",
        unit=unit,
        measured=measured,
        limit=limit,
        ratio=ratio,
        better="less",
        goal=goal,
    )
