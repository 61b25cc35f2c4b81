"""PEERS.md, made from peers.json and from nothing else."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
from msgspec import Struct

from bench.peers.found import Amounts, Crash, Failed, Found, Told
from bench.peers.measure import RUN_SECONDS
from bench.peers.row import Row
from bench.report import BUSY
from bench.table import Spread

HERE: Final = Path(__file__).parents[1]
RESULTS: Final = HERE / "peers.json"
PAGE: Final = HERE / "PEERS.md"
OURS: Final = "Roost"


class Results(Struct, frozen=True, kw_only=True):
    machine: dict[str, Any]
    amounts: Amounts
    rows: list[Row]


class Column(Struct, frozen=True):
    """Of the table of numbers. `step`: the question (`measure.STEPS`) that it answers."""

    head: str
    step: str
    of: Callable[[Found], Spread | float | None]
    more_is_better: bool = False


def _per_second(found: Found, what: str) -> float | None:
    return median(getattr(flood, what) / flood.seconds for flood in found.floods) if found.floods else None


COLUMNS: Final = (
    Column("start, s", "start", lambda found: found.start),
    Column("idle memory, MiB", "start", lambda found: found.idle_mib),
    Column("create, ms", "create", lambda found: found.create),
    Column("list, ms", "list", lambda found: found.listing),
    Column("create to first word, ms", "first word", lambda found: found.first),
    Column("attach p50, ms", "attach", lambda found: found.attach and found.attach.ms),
    Column("attach p99, ms", "attach", lambda found: found.attach and found.attach.p99_ms),
    Column("events delivered, /s", "deliveries", lambda found: _per_second(found, "deliveries"), more_is_better=True),
    Column("words delivered, /s", "deliveries", lambda found: _per_second(found, "text"), more_is_better=True),
    Column("memory with sessions, MiB", "deliveries", lambda found: found.loaded_mib),
)


def write(results: Results) -> None:
    """peers.json and PEERS.md."""
    RESULTS.write_text(json.dumps(msgspec.to_builtins(results), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render(results), encoding="utf-8")


def read() -> Results:
    return msgspec.json.decode(RESULTS.read_bytes(), type=Results)


def render(results: Results) -> str:
    parts = (_top, _numbers, _losses, _reconnects, _kills, _notes, _legend)
    told = "\n".join("\n".join([*part(results), ""]) for part in parts)
    return f"{told}\n" + METHOD.format(**msgspec.to_builtins(results.amounts))


# --- numbers ---


def _top(results: Results) -> list[str]:
    machine = results.machine
    quiet = machine["load_before"] < BUSY
    others = "Nothing else" if quiet else "**Much else**"
    return [
        "# Peers",
        "",
        "Written by `make bench-peers`: other servers of agent sessions, and Roost, asked the same questions by one",
        "program in one run. Numbers are this machine's:",
        "{cores} cores ({cpu}), {memory_gib} GiB, {kernel}, Python {python}, {date}.".format_map(machine),
        f"{others} was going on (load average before: {machine['load_before']}).",
        *([] if quiet else ["**Times, failures and who was late prove little then: measure again when it is idle.**"]),
    ]


def _numbers(results: Results) -> list[str]:
    lines = ["## In numbers", "", *_head("", *(column.head for column in COLUMNS))]
    for row in results.rows:
        cells = [_cell(row, column.step, lambda found, column=column: _shown(column.of(found))) for column in COLUMNS]
        lines.append(_line(row.about.title, *cells))
    return lines


def _losses(results: Results) -> list[str]:
    """Wherever another is better than the best of ours, it is said."""
    lines = [f"- {column.head}: {told}." for column in COLUMNS if (told := _better(column, results.rows))]
    return ["## Where Roost loses", "", *(lines or ["- Nowhere in this run."])]


def _better(column: Column, rows: Sequence[Row]) -> str:
    """Who is better in this, and by what; empty: nobody."""
    values = {
        row.about.title: value for row in rows if row.found and (value := _value(column.of(row.found))) is not None
    }
    ours = [value for title, value in values.items() if title.startswith(OURS)]
    if not ours:
        return ""
    best = max(ours) if column.more_is_better else min(ours)
    ahead = [
        f"{title} {_number(value)}"
        for title, value in values.items()
        if not title.startswith(OURS) and (value > best if column.more_is_better else value < best)
    ]
    return f"{', '.join(ahead)}; Roost at its best {_number(best)}" if ahead else ""


# --- what is returned ---


def _reconnects(results: Results) -> list[str]:
    amounts = results.amounts
    lines = [
        "## After a reconnect in mid-run",
        "",
        f"Of {amounts.paced_words:,} pieces, {amounts.per_second} a second, the observer left after",
        f"{amounts.leave_after_words} and was away for {amounts.away_seconds:g} s. A newcomer comes after as many.",
        "",
        *_head("", "a newcomer gets, of the words before it", "lost", "doubled", "whole text again", "end of the run"),
    ]
    for row in results.rows:
        given = _cell(row, "attach", lambda found: found.attach and f"{found.attach.given} of {found.attach.before}")
        told = row.found.reconnect if row.found else None
        cells = _told(told) if told else [_cell(row, "reconnect", lambda _: "")] * 4
        lines.append(_line(row.about.title, given, *cells))
    return lines


def _kills(results: Results) -> list[str]:
    heads = ("", "back after, s", "lost", "doubled", "whole text again", "end of the run", "words kept")
    lines = [
        "## After `kill -9` of the server in mid-run",
        "",
        "The same run. The server's own process is killed where the observer left before, and started again at once;",
        "then the observer comes back.",
        "",
        *_head(*heads, "the session says", "takes another prompt"),
    ]
    for row in results.rows:
        crash = row.found.crash if row.found else None
        lines.append(_line(row.about.title, *(_crash(crash) if crash else [_cell(row, "kill", lambda _: "")] * 8)))
    return lines


def _told(told: Told) -> list[str]:
    whole = "yes" if told.whole else "no" if told.lost or told.doubled else "not needed"
    return [str(told.lost), str(told.doubled), whole, "seen" if told.ended else "never came"]


def _crash(crash: Crash) -> list[str]:
    told = _told(crash.told) if isinstance(crash.told, Told) else ["refused", "", "", ""]
    kept = "cannot be read" if isinstance(crash.kept, Failed) else str(crash.kept)
    state = "nothing" if isinstance(crash.state, Failed) else crash.state
    goes_on = "refused" if isinstance(crash.goes_on, Failed) else {True: "yes", False: "no answer"}[crash.goes_on]
    return [_number(crash.back_seconds), *told, kept, state, goes_on]


def _notes(results: Results) -> list[str]:
    """What a cell has no room for."""
    lines: list[str] = []
    for row in results.rows:
        found, title = row.found, row.about.title
        if found is None:
            lines.append(f"- {title} was not measured. {_quoted(row.error)}")
            continue
        lines += [f"- {title}, {step}: not asked, since {why}." for step, why in found.lacks.items()]
        lines += [f"- {title}, {step}: failed. {_quoted(why)}" for step, why in found.failed.items()]
        crash = found.crash
        asked = (crash.told, crash.kept, crash.state, crash.goes_on) if crash else ()
        lines += [f"- {title}, after the kill: {_quoted(one.why)}" for one in asked if isinstance(one, Failed)]
        short = [flood for flood in found.floods or () if flood.complete < results.amounts.observers]
        if short:
            least = min(flood.complete for flood in short)
            told = f"{least} of {results.amounts.observers} observers had each word once"
            lines.append(f"- {title}, deliveries: {told} within {RUN_SECONDS:.0f} s.")
    return ["Beside the tables:", "", *(lines or ["- Nothing failed."])]


def _quoted(text: str) -> str:
    return f"`{' '.join(text.replace('`', '').split())}`"


# --- the rest ---


def _legend(results: Results) -> list[str]:
    lines = ["## Who is who"]
    for row in results.rows:
        versions = ", ".join(f"{name} {version}" for name, version in row.versions.items())
        lines += [
            "",
            f"**{row.about.title}** ({versions or 'not installed'})",
            "",
            *([f"- Started by `{row.command}`"] if row.command else []),
            f"- Agent: {row.about.agent}.",
            f"- Stream: {row.about.stream}.",
            f"- An event: {row.about.event}.",
            f"- Kept: {row.about.keeps}.",
            f"- A newcomer's first event: {row.about.first}.",
        ]
    return lines


def _cell(row: Row, step: str, shown: Callable[[Found], str | None]) -> str:
    if row.found is None or step in row.found.lacks:
        return "-"
    return "failed" if step in row.found.failed else shown(row.found) or ""


def _value(measured: Spread | float | None) -> float | None:
    return measured.median if isinstance(measured, Spread) else measured


def _shown(measured: Spread | float | None) -> str:
    if isinstance(measured, Spread):
        return f"{_number(measured.median)} ({_number(measured.low)}..{_number(measured.high)})"
    return "" if measured is None else _number(measured)


def _head(*cells: str) -> list[str]:
    return [_line(*cells), "|---|" + "--:|" * (len(cells) - 1)]


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"


METHOD: Final = """\
## How

There is no network but the loopback while this is measured. Every server has a folder of its own on a disk, the
settings that it comes with, no sandbox, and no core of its own: agents, the model and the observers share the machine
with it. Middle values, with the least and the most in brackets. Where a model is needed it is one that counts, in
pieces of one word: eight digits and a space.

- **Start**: exec to the first answer that needs all of it; {starts} times, after one that is not counted. **Idle
  memory**: resident, of the server and all that it has started, {settle_seconds:g} s later. What processes share counts
  for each of them.
- **Create**: the request, {creates} times, one after the other. It makes a row in some and starts a process in others:
  **create to first word** has both, for an observer, and the first answer of an agent that nobody has used yet.
- **List**: those {creates}, {lists} times. That says nothing of many: RESULTS.md has Roost with 100,000.
- **Attach**: {observers} observers come at once while an answer flows; connecting to the first event, whatever that is.
  All are connected before the first of them is read, so that the least are longer than need be, for each server.
- **Delivered**: an answer of {flood_words} words, as fast as model and agent bring it, with {observers} observers from
  before its start; from the prompt to the last byte for the last of them. It is the rate of the slowest of model, agent
  and server, not what a server can bear: RESULTS.md has that for Roost. After 60 s nobody waits for the rest: who
  has not had each word by then may have lost none. Events are not alike; words are. **Memory with
  sessions**: after these, with {creates} + {firsts} + {floods} sessions; where each has a process, that is in it.
- **After a reconnect**: observers keep what they are told as bytes, and come back with the cursor that the server gave,
  if it gives one. **Lost** and **doubled** are words in what came as pieces, over both connections; where the text is
  sent once more when it is done, **whole text again** says so.
- **After a kill**: SIGKILL for the server's own process alone, not for what it has started. **Words kept**: of the
  {paced_words}, what can be read from the server once the observer has seen the end, or has waited for it long enough.
  **Takes another prompt**: and answers it to its last word within 20 s.

Not comparable: what is durable when an event is seen ("Kept"), what an event holds, and where the agent runs: in the
server's process, where it ends with it, or in one of its own.
"""
