"""`python -m bench`: measure, show, write down."""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from bench import machine, report
from bench.bench import HERE, CannotMeasure, open_bench
from bench.rows import ROWS
from bench.sizes import FULL, QUICK
from bench.table import Row


def main(arguments: list[str] | None = None) -> int:
    """0: measured, whether the goals are met or missed; 1: it could not be measured."""
    given = _parser().parse_args(arguments)
    errors = Console(stderr=True, highlight=False)
    sizes = QUICK if given.quick else FULL
    names = given.only or list(ROWS)
    rows: list[Row] = []
    try:
        with errors.status("") as status, open_bench(sizes, status.update, given.folder) as bench:
            about = machine.describe(bench.folder)
            for name in names:
                bench.say = lambda text, name=name: status.update(f"{name}: {text}")
                began = time.monotonic()
                found = ROWS[name](bench)
                found[0].details["measured_in_seconds"] = round(time.monotonic() - began)
                rows += found
                if not given.json:
                    errors.print(
                        *(f"{row.name}: {'MISSED' if row.met is False else 'done'}" for row in found), sep="\n"
                    )
    except CannotMeasure as error:
        errors.print(f"bench: {error}", style="red", soft_wrap=True)
        return 1
    if given.json:
        sys.stdout.write(report.as_json(rows, about, sizes) + "\n")
    else:
        shown = Console(highlight=False)
        shown.print(report.table(rows), soft_wrap=not shown.is_terminal)
    if names == list(ROWS) and not given.quick:
        report.write(HERE, rows, about, sizes)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=main.__doc__)
    parser.add_argument("--only", action="append", choices=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="one short run of each; writes no results")
    parser.add_argument("--json", action="store_true", help="results.json on stdout instead of the table")
    parser.add_argument("--folder", type=Path, help="where stores are kept meanwhile; on a disk (default: build/)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
