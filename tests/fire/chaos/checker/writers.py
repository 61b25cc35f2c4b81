"""The log, and what those who wrote it were promised."""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from tests.fire.chaos.checker.epochs import Epochs
from tests.fire.chaos.checker.story import Life, Line, Stamp, Story, Told
from tests.fire.chaos.history import Logged

SCRIPT: Final = "script:"
NUMBER_DIGITS: Final = 8
"""The scripted agent begins each of its deltas with the number it has in its part, from 0."""


class _Deltas(msgspec.Struct, frozen=True):
    count: int


class _Step(msgspec.Struct, frozen=True):
    deltas: _Deltas = _Deltas(0)


class _Text(msgspec.Struct, frozen=True):
    text: str = ""


class _Input(msgspec.Struct, frozen=True):
    input: tuple[_Text, ...] = ()


class Place(NamedTuple):
    """Whose event it is (the epoch of a played host, a part of a scripted agent), its number among those, and that of
    the first."""

    whose: int | str
    number: int
    first: int


_input = msgspec.json.Decoder(_Input)
_script = msgspec.json.Decoder(list[_Step])


def no_gap(story: Story) -> Iterator[Told]:
    """A log is 1, 2, 3, ..., and begins with `session-created`; and every session that was worked on has one."""
    for life in story:
        if not life.log:
            if life.ops and not life.deleted:
                yield f"{life.name} has no log any more, and nobody has deleted it", life.ops[0].proof
            continue
        before: Logged | None = None
        for line in life.log:
            wanted = before.seq + 1 if before else 1
            if line.event.seq != wanted:
                proof = (line.event,) if before is None else (before, line.event)
                yield f"the log of {life.name} has {line.event.seq} where {wanted} should be", proof
            before = line.event
        if life.log[0].body.type != "session-created":
            yield f"the log of {life.name} does not begin with its creation", (life.log[0].event,)


def nothing_lost(story: Story) -> Iterator[Told]:
    """Every event that was acknowledged to a host is in the log."""
    for life in story:
        if life.deleted:
            continue
        there = {line.stamp for line in life.log}
        for op, batch in life.batches:
            if op.outcome != "ok":
                continue
            missing = [n for n in range(batch.first, batch.last + 1) if Stamp(batch.epoch, n) not in there]
            if missing:
                numbers = ", ".join(map(str, missing[:8]))
                yield f"{life.name}: of the acknowledged {op} the log has not {numbers}", op.proof
        yield from _whole_runs(life)


def _whole_runs(life: Life) -> Iterator[Told]:
    """A scripted run that was complete, and that nobody joined, has said all the deltas that its script has."""
    asked: dict[str, int] = {}
    said: Counter[str] = Counter()
    for line in life.log:
        run, kind = line.event.run, line.body.type
        if kind == "run-start":
            asked[run] = _deltas_of(line)
        elif line.stamp or kind in ("steered", "permission-replied"):
            asked.pop(run, None)
        elif kind == "text-delta" and _place(line):
            said[run] += 1
        elif kind == "run-complete" and said[run] < asked.get(run, 0):
            yield f"{life.name}: run {run} was complete after {said[run]} of {asked[run]} deltas", (line.event,)


def nothing_doubled(story: Story) -> Iterator[Told]:
    """No event is in the log twice."""
    for life in story:
        found: dict[Place, Line] = {}
        for line in life.log:
            if (place := _place(line)) is None:
                continue
            first = found.setdefault(place, line).event
            if first is not line.event:
                proof = (first, line.event)
                yield f"{life.name} has {_words(line)} at {first.seq} and again at {line.event.seq}", proof


def whole_order(story: Story) -> Iterator[Told]:
    """What a host has produced stands in the log in its order and without a hole, as far as it got there."""
    for life in story:
        last: dict[int | str, tuple[int, Line]] = {}
        for line in life.log:
            if (place := _place(line)) is None:
                continue
            before, number = last.get(place.whose), place.number
            wanted = place.first if before is None else before[0] + 1
            if number > wanted:
                proof = (line.event,) if before is None else (before[1].event, line.event)
                yield f"{life.name} has {_words(line)} at {line.event.seq} where number {wanted} should be", proof
            if before is not None and number < before[0]:
                yield f"{life.name} has {_words(line)} after number {before[0]}", (before[1].event, line.event)
            last[place.whose] = number, line


def one_writer(story: Story) -> Iterator[Told]:
    """Epochs rise; only the host of the open one writes; and nobody is acknowledged anything under an older epoch once
    a newer one has been."""
    for life in story:
        yield from _in_its_epoch(life)
        yield from _not_after_the_next(life)


def _in_its_epoch(life: Life) -> Iterator[Told]:
    epochs = Epochs()
    for line in life.log:
        opened = line.event if line.body.type == "runtime-starting" else None
        if opened and line.body.epoch <= epochs.epoch:
            yield f"{life.name} opens epoch {line.body.epoch} after {epochs.epoch}", (opened,)
        epochs.take(line)
        if line.stamp is not None and line.stamp.epoch != epochs.writing:
            held = f"epoch {epochs.writing}" if epochs.writing else "nobody"
            proof = (*(() if epochs.turned is None else (epochs.turned,)), line.event)
            yield f"{life.name} has {_words(line)} at {line.event.seq}, where {held} may write", proof


def _not_after_the_next(life: Life) -> Iterator[Told]:
    newest = None
    answered = sorted(
        ((op.answered.at, op, batch) for op, batch in life.batches if op.answered and op.outcome == "ok"),
        key=lambda one: one[0],
    )
    for at, op, batch in answered:
        if newest is not None and batch.epoch < newest[2].epoch and op.invoked.at > newest[0]:
            yield f"{life.name}: {op} was acknowledged after {newest[1]}", (*newest[1].proof, *op.proof)
        elif newest is None or batch.epoch > newest[2].epoch:
            newest = at, op, batch


def _place(line: Line) -> Place | None:
    """None: that cannot be known."""
    if line.stamp is not None:
        return Place(line.stamp.epoch, line.stamp.number, 1)
    digits = line.body.delta[:NUMBER_DIGITS]
    if line.body.type == "text-delta" and len(digits) == NUMBER_DIGITS and digits.isdecimal():
        return Place(line.body.part, int(digits), 0)
    return None


def _words(line: Line) -> str:
    if line.stamp is not None:
        return f"event {line.stamp}"
    return f"number {int(line.body.delta[:NUMBER_DIGITS])} of {line.body.part}"


def _deltas_of(line: Line) -> int:
    """How many deltas the script of this run has."""
    texts = (part.text for part in _input.decode(line.event.body).input)
    script = next((text for text in texts if text.startswith(SCRIPT)), None)
    return 0 if script is None else sum(step.deltas.count for step in _script.decode(script.removeprefix(SCRIPT)))
