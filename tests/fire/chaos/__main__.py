"""Random faults against whole hubs, round after round: `make test-fire ARGS="--seed N --minutes M"`."""

import argparse
import signal
import sys
from pathlib import Path
from random import randrange
from time import monotonic

import anyio
from msgspec.structs import replace

from tests.fire.chaos.counts import published, record, recorded, row_of, summary
from tests.fire.chaos.mutants import MUTANTS
from tests.fire.chaos.outcome import SHAPES, Outcome
from tests.fire.chaos.round import play

KEEP = Path(".cache/fire")
MOST_SHOWN = 10
"""Broken promises of one round that are printed; `python -m tests.fire.chaos.checker` tells all of its history."""


def main(arguments: list[str]) -> int:
    """1: a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fire.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="of the first round; each next one has the next number")
    parser.add_argument("--minutes", type=float, default=2.0, help="no further round begins after this")
    parser.add_argument("--rounds", type=int, help="so many, instead of minutes")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="all", help="of each round")
    parser.add_argument("--seconds", type=float, help="of faults in each round")
    parser.add_argument("--keep", action="store_true", help=f"keep every history in {KEEP}, also where all was well")
    parser.add_argument("--record", action="store_true", help="add the counts to those that are published")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="none", help="a broken hub: is it caught?")
    parser.add_argument("--table", action="store_true", help="print what is published, and do nothing")
    chosen = parser.parse_args(arguments)
    if chosen.table:
        print(published(recorded()))
        return 0
    if chosen.seed is None:
        chosen.seed = randrange(1_000_000)
    began = monotonic()
    outcomes = anyio.run(_stoppable, chosen, backend_options={"use_uvloop": True})
    if not outcomes:
        return 1
    print(summary(outcomes))
    if chosen.record:
        record(row_of(outcomes, chosen.shape, (monotonic() - began) / 60))
    return any(outcome.violations for outcome in outcomes)


async def _stoppable(chosen: argparse.Namespace) -> list[Outcome]:
    """Stopped by a signal, it clears away what it has started, and tells what there was."""
    outcomes = list[Outcome]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop, tasks.cancel_scope)
        await _rounds(chosen, outcomes)
        tasks.cancel_scope.cancel()
    return outcomes


async def _stop(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()


async def _rounds(chosen: argparse.Namespace, outcomes: list[Outcome]) -> None:
    shape = replace(SHAPES[chosen.shape], mutant=chosen.mutant)
    if chosen.seconds is not None:
        shape = replace(shape, seconds=chosen.seconds)
    began = monotonic()
    while len(outcomes) < chosen.rounds if chosen.rounds else monotonic() - began < chosen.minutes * 60:
        outcome = await play(chosen.seed + len(outcomes), shape, KEEP, keep_all=chosen.keep)
        outcomes.append(outcome)
        _tell(outcome, chosen)


def _tell(outcome: Outcome, chosen: argparse.Namespace) -> None:
    faults, kills = outcome.faults.total(), outcome.kills.total()
    print(
        f"seed {outcome.seed}: {outcome.seconds:.0f} s, {faults} faults, {kills} kills, {outcome.events} events, "
        f"{outcome.seen} given to observers, {len(outcome.violations)} broken promises",
        flush=True,
    )
    for violation in outcome.violations[:MOST_SHOWN]:
        print(f"  {violation}", flush=True)
    if outcome.violations:
        seconds = "" if chosen.seconds is None else f" --seconds {chosen.seconds:g}"
        again = f"--seed {outcome.seed} --rounds 1 --shape {chosen.shape}{seconds}"
        print(f'  its history is kept in {outcome.kept}; again: make test-fire ARGS="{again}"', flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
