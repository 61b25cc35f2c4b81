"""Random faults against whole hubs, round after round: `make test-fire ARGS="--seed N --minutes M"`."""

import argparse
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
    outcomes = anyio.run(_rounds, chosen, backend_options={"use_uvloop": True})
    print(summary(outcomes))
    return any(outcome.violations for outcome in outcomes)


async def _rounds(chosen: argparse.Namespace) -> list[Outcome]:
    shape = replace(SHAPES[chosen.shape], mutant=chosen.mutant)
    if chosen.seconds is not None:
        shape = replace(shape, seconds=chosen.seconds)
    began, outcomes = monotonic(), list[Outcome]()
    while len(outcomes) < chosen.rounds if chosen.rounds else monotonic() - began < chosen.minutes * 60:
        outcome = await play(chosen.seed + len(outcomes), shape, KEEP, keep_all=chosen.keep)
        outcomes.append(outcome)
        _tell(outcome, chosen)
    if chosen.record:
        record(row_of(outcomes, chosen.shape, (monotonic() - began) / 60))
    return outcomes


def _tell(outcome: Outcome, chosen: argparse.Namespace) -> None:
    faults, kills = outcome.faults.total(), outcome.kills.total()
    print(
        f"seed {outcome.seed}: {outcome.seconds:.0f} s, {faults} faults, {kills} kills, {outcome.events} events, "
        f"{outcome.seen} given to observers, {len(outcome.violations)} broken promises",
        flush=True,
    )
    for violation in outcome.violations:
        print(f"  {violation}", flush=True)
    if outcome.violations:
        seconds = "" if chosen.seconds is None else f" --seconds {chosen.seconds:g}"
        again = f"--seed {outcome.seed} --rounds 1 --shape {chosen.shape}{seconds}"
        print(f'  its history is kept in {outcome.kept}; again: make test-fire ARGS="{again}"', flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
