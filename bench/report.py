"""What was found, as a table for a terminal, as RESULTS.md and as results.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.table import Table

from bench.sizes import EVENT_BYTES, FEW_EVENTS, Sizes
from bench.table import Row, Spread

BUSY: Final = 0.5
"""A load average from which on others take a share that shows."""
METHOD: Final = """\
Medians of {runs} runs ({coder_runs} of the Coder view), with the least and the most of them in brackets. Where there is
a limit, hub and limit ran in turns, and the ratio is the median of the ratios of neighbours. Events have bodies of
{bytes} bytes. The store is SQLite with `synchronous=FULL` on {filesystem}.

- The server under test (hub or limit, with all its threads) is pinned to core {server_core}. Core {load_core} carries
  the load: the client, and the host that writes. Starts and creations are not pinned.
- **Fan-out**: the host of one session appends over the link as fast as it is acknowledged; the hub serves the committed
  log as SSE; `fanclient.c` counts, checks the order, and measures the delay since the event was made (in a flood that
  is mostly queueing). The limit, `fanserver.c`, writes ready bytes in one thread: frames as large as the hub's, and as
  many in one write as the hub was seen to put there, both taken from the run just before.
- **Appends**: one process plays {hosts} hosts through the link's own code, with tickets from the hub, one batch on the
  way for each. The limit, `rawlog.py`, commits the same bytes to SQLite with one index: a transaction has one batch of
  each session, in inserts of many rows; no fold, no wire.
- **Attach**: connecting without a cursor, to the first event. **Catch-up**: connecting, to the last event.
- **Restart**: deltas are numbered; counted are those that an observer who follows over the restarts, or a later reader,
  misses or gets twice.
- **Flat**: the limit is a hub with one page of sessions, one of them of {few_events:,} events. Both are up at once and
  asked in turns, each time after a session has changed. Sessions and events were written straight into the stores.
- **Idle**, **live**: once, with one stream for each session, which sleeps or has a host of its own. The delay in live
  sessions is that since a host's agent has made the event.
- **List, search**: the sessions were written straight into the store. Before each of them a session changes, so that no
  count is remembered from the one before. Half of the sessions are their owner's alone: there is a row for who sees all
  and one for who sees the other half. Words that all have are one to three, short terms 1 to 3 characters.
"""
AGENTS_METHOD: Final = """\
Each real agent with the model of `make test-agents`, which answers at once, where there is no network. The same prompt
goes, in turns, to a process of the agent that is driven directly over its protocol, and to one in a session of a hub
without a sandbox, until a client in Python that follows the session has it. **Added** is the median of the differences
of neighbours, with the least and the most of them in brackets; p99 is the difference of both sides' 99th percentiles.
**Waking**: prompts to a session that sleeps; host and agent are started in that time. **Memory**: the host's process
alone, driver included.
"""


def table(rows: Sequence[Row]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "measured", "limit", "ratio", "goal", ""):
        shown.add_column(name, justify="left" if not name else "right")
    for row in rows:
        style = {True: "green", False: "bold red", None: "dim"}[row.met]
        shown.add_row(*_cells(row)[:-1], f"[{style}]{_verdict(row)}[/]")
    return shown


def write(folder: Path, rows: Sequence[Row], machine: dict[str, Any], sizes: Sizes) -> None:
    """RESULTS.md and results.json."""
    (folder / "RESULTS.md").write_text(_page(rows, machine, sizes), encoding="utf-8")
    (folder / "results.json").write_text(as_json(rows, machine, sizes) + "\n", encoding="utf-8")


def write_agents(folder: Path, rows: Sequence[Row], machine: dict[str, Any]) -> None:
    """AGENTS.md."""
    lines = [*_top("Real agents", "make bench-agents", rows, machine), "## How", "", AGENTS_METHOD]
    (folder / "AGENTS.md").write_text("\n".join(lines), encoding="utf-8")


def as_json(rows: Sequence[Row], machine: dict[str, Any], sizes: Sizes) -> str:
    found = [msgspec.to_builtins(row) | {"met": row.met} for row in rows]
    return json.dumps({"machine": machine, "sizes": msgspec.to_builtins(sizes), "rows": found}, indent=1)


def _page(rows: Sequence[Row], machine: dict[str, Any], sizes: Sizes) -> str:
    told = {"bytes": EVENT_BYTES, "few_events": FEW_EVENTS, "hosts": sizes.hosts} | machine
    how = METHOD.format(runs=sizes.runs, coder_runs=sizes.coder_runs, **told)
    return "\n".join([*_top("Results", "make bench", rows, machine), "## How", "", how])


def _top(title: str, target: str, rows: Sequence[Row], machine: dict[str, Any]) -> list[str]:
    return [
        f"# {title}",
        "",
        f"Written by `{target}`. Ratios say more than the numbers, which are this machine's:",
        "{cores} cores ({cpu}), {memory_gib} GiB, {kernel}, Python {python}, {date}.".format_map(machine),
        _quiet(machine["load_before"]),
        "",
        "| | measured | limit | ratio | goal | |",
        "|---|--:|--:|--:|--:|---|",
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
        "",
        *(f"- {row.what}: {row.note}" for row in rows if row.note),
        "",
    ]


def _quiet(load: float) -> str:
    if load < BUSY:
        return f"The machine was idle but for this (load average before: {load})."
    return (
        f"**The machine had other work (load average before: {load}).** Both sides of a ratio suffer, but not "
        "alike, and times are longer than they need be: measure again when it is idle."
    )


def _cells(row: Row) -> list[str]:
    goal = "" if row.goal is None else f"{'>=' if row.better == 'more' else '<='} {row.goal:g}"
    return [
        row.what,
        f"{_spread(row.measured)} {row.unit}",
        "" if row.limit is None else _number(row.limit.median),
        "" if row.ratio is None else _spread(row.ratio),
        goal,
        _verdict(row),
    ]


def _verdict(row: Row) -> str:
    return {True: "met", False: "MISSED", None: ""}[row.met]


def _spread(spread: Spread) -> str:
    if spread.low == spread.high:
        return _number(spread.median)
    return f"{_number(spread.median)} ({_number(spread.low)}..{_number(spread.high)})"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"
