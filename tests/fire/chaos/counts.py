"""What was counted: a table for one run, and rows that add up over all runs whose counts were recorded."""

import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tests.fire.chaos.faults import FAULTS
from tests.fire.chaos.outcome import Outcome

FILE: Final = Path(__file__).with_name("counts.jsonl")
VICTIMS: Final = ("hub", "host", "agent", "client")


class Row(Struct, frozen=True, kw_only=True):
    """One run: rounds with the seeds `first`, `first + 1`, ... up to `last`. `shape`: of its rounds. `faults` by kind;
    `kills` (SIGKILL) by whose process it was. `seen`: events that observers were given."""

    day: str
    commit: str
    shape: str
    first: int
    last: int
    minutes: float
    faults: dict[str, int]
    kills: dict[str, int]
    operations: int
    events: int
    seen: int
    violations: int


def row_of(outcomes: Sequence[Outcome], shape: str, minutes: float) -> Row:
    faults: Counter[str] = Counter()
    kills: Counter[str] = Counter()
    for outcome in outcomes:
        faults.update(outcome.faults)
        kills.update(outcome.kills)
    return Row(
        day=datetime.now(UTC).date().isoformat(),
        commit=_commit(),
        shape=shape,
        first=outcomes[0].seed,
        last=outcomes[-1].seed,
        minutes=round(minutes, 1),
        faults=dict(sorted(faults.items())),
        kills=dict(sorted(kills.items())),
        operations=sum(outcome.operations.total() for outcome in outcomes),
        events=sum(outcome.events for outcome in outcomes),
        seen=sum(outcome.seen for outcome in outcomes),
        violations=sum(len(outcome.violations) for outcome in outcomes),
    )


def _commit() -> str:
    """That of the checkout; with a `+` if it holds more than that."""
    here = Path(__file__).parent
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=here, capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"


def record(row: Row, file: Path = FILE) -> None:
    with file.open("ab") as rows:
        rows.write(msgspec.json.encode(row) + b"\n")


def recorded(file: Path = FILE) -> list[Row]:
    lines = file.read_bytes().splitlines() if file.exists() else []
    return [msgspec.json.decode(line, type=Row) for line in lines]


def published(rows: Sequence[Row]) -> str:
    """For people: a table of the runs, and one of what befell them. Markdown."""
    runs = [
        [
            row.day, f"`{row.commit}`", row.shape, f"{row.first}-{row.last}", row.last - row.first + 1,
            *(row.kills.get(victim, 0) for victim in VICTIMS), sum(row.faults.values()), row.operations, row.events,
            row.seen, row.violations,
        ]
        for row in rows
    ]  # fmt: skip
    totals = [sum(int(run[column]) for run in runs) for column in range(4, 14)]
    head = ["Day", "Commit", "Shape", "Seeds", "Rounds", *(f"Kills: {victim}" for victim in VICTIMS), "Faults"]
    head += ["Operations", "Events", "Given to observers", "Broken promises"]
    faults: Counter[str] = Counter()
    for row in rows:
        faults.update(row.faults)
    kinds = [[f"`{name}`", faults[name], (kind.do.__doc__ or "").partition("\n")[0]] for name, kind in FAULTS.items()]
    return "\n\n".join(
        [
            table(head, [*runs, ["**all**", "", "", "", *totals]]),
            table(["Fault", "How often", "What it is"], kinds),
        ]
    )


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def summary(outcomes: Sequence[Outcome]) -> str:
    """What befell this run, for a terminal."""
    row = row_of(outcomes, "", 0)
    lines = [f"{name:24}{row.faults.get(name, 0):>8,}" for name in FAULTS]
    lines += [f"{'SIGKILLs of ' + victim:24}{row.kills.get(victim, 0):>8,}" for victim in VICTIMS]
    lines += [f"{name:24}{number:>8,}" for name, number in _sums(outcomes)]
    return "\n".join(lines)


def _sums(outcomes: Sequence[Outcome]) -> list[tuple[str, int]]:
    answers: Counter[str] = Counter()
    for outcome in outcomes:
        for answer, number in outcome.operations.items():
            answers[f"operations {answer.rpartition(' ')[2]}"] += number
    return [
        *sorted(answers.items()),
        ("events in the logs", sum(outcome.events for outcome in outcomes)),
        ("given to observers", sum(outcome.seen for outcome in outcomes)),
        ("rounds", len(outcomes)),
        ("broken promises", sum(len(outcome.violations) for outcome in outcomes)),
    ]
