"""The order of the log against the clock of those who wrote it."""

from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from tests.fire.chaos.checker.commands import marked
from tests.fire.chaos.checker.story import Life, Op, Stamp, Story, Told


class Effect(NamedTuple):
    """An operation, and the first and last event it has left."""

    op: Op
    first: int
    last: int


def as_answered(story: Story) -> Iterator[Told]:
    """What was answered before something else was asked for stands before it in the log."""
    for life in story:
        newest: Effect | None = None
        before: dict[int, Effect | None] = {}
        for effect in _in_time(life):
            op = effect.op.invoked.op
            if op not in before:  # asked for just now
                before[op] = newest
                continue
            earlier = before[op]
            if earlier is not None and effect.first < earlier.last:
                proof = (*earlier.op.proof, *effect.op.proof)
                yield f"{life.name}: {earlier.op} was over, at {earlier.last}; then {effect.op} came before it", proof
            if newest is None or effect.last > newest.last:
                newest = effect


def _in_time(life: Life) -> list[Effect]:
    """Each effect twice: when it was asked for, and when that was answered; if it never was, in the end."""
    moments: list[tuple[float, int, Effect]] = []
    for number, effect in enumerate(_effects(life)):
        answered = effect.op.answered
        over = answered.at if answered is not None and answered.outcome == "ok" else inf
        moments += [(effect.op.invoked.at, number, effect), (over, number, effect)]
    return [effect for _, _, effect in sorted(moments, key=lambda moment: moment[:2])]


def _effects(life: Life) -> Iterator[Effect]:
    """Of what is found again in the log; of what was done twice, the first time."""
    commands = marked(life)
    stamped = {line.stamp: line.event.seq for line in reversed(life.log) if line.stamp is not None}
    done: set[str] = set()
    for op in life.ops:
        mark = op.invoked.mark
        if op.outcome == "refused" or not mark or mark in done:
            continue
        done.add(mark)
        if (batch := op.batch) is not None:
            places = [stamped.get(Stamp(batch.epoch, number)) for number in (batch.first, batch.last)]
        else:
            places = [line.event.seq for line in commands.get(mark, [])[:1]]
        found = [place for place in places if place is not None]
        if found:
            yield Effect(op, found[0], found[-1])
