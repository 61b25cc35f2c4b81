"""How everything was when all was quiet."""

from collections.abc import Iterator
from typing import Final

from tests.fire.chaos.checker.epochs import RUN_ENDS, Epochs
from tests.fire.chaos.checker.story import Life, Line, Story, Told
from tests.fire.chaos.history import Rested

RESTING: Final = frozenset(("active", "paused", "failed", "archived", "ended"))
"""Phases in which a session may stay. `creating` and `resuming` are on the way to one of these."""

SAID: Final = frozenset(
    (
        "message-start", "part-start", "text-delta", "reasoning-delta", "tool-input-delta", "part-done", "message-done",
        "tool-start", "tool-delta", "tool-complete", "tool-error", "step-start", "step-finish",
    )
)  # fmt: skip
"""Only an agent says this, in a run of its own or in none."""


def one_end(story: Story) -> Iterator[Told]:
    """Every run begins once, while no other is open, and has exactly one end; what is said in it stands between."""
    for life in story:
        began: dict[str, Line] = {}
        ends: dict[str, Line] = {}
        opened: Line | None = None
        for line in life.log:
            run = line.event.run
            if line.body.type == "run-start":
                if opened is not None:
                    yield f"{life.name} begins run {run} while another is open", (opened.event, line.event)
                if run in began:
                    yield f"{life.name} begins run {run} twice", (began[run].event, line.event)
                began[run] = opened = line
            elif line.body.type in RUN_ENDS:
                if run in ends:
                    yield f"{life.name} ends run {run} twice", (ends[run].event, line.event)
                elif opened is None or opened.event.run != run:
                    yield f"{life.name} ends run {run}, which is not open", (line.event,)
                ends[run], opened = line, None
            elif run and line.body.type in SAID and (opened is None or opened.event.run != run):
                yield f"{life.name} has {line.body.type} of run {run}, which is not open", (line.event,)
        if opened is not None and life.rested:
            yield f"{life.name} never ended run {opened.event.run}", (opened.event, *life.rested)


def nothing_stuck(story: Story) -> Iterator[Told]:
    """In the end every session is where it may stay, with no run and no decision open, and as its log says."""
    for life in story:
        if life.log and not life.rested:
            yield f"nobody has seen {life.name} at rest", (life.log[-1].event,)
        for rested in life.rested:
            yield from _stuck(life, rested)


def _stuck(life: Life, rested: Rested) -> Iterator[Told]:
    if rested.phase not in RESTING:
        yield f"{life.name} is {rested.phase} for ever", (rested,)
    if rested.is_busy:
        yield f"{life.name} is busy for ever", (rested,)
    if rested.pending:
        yield f"{life.name} waits for an answer that nobody needs: {', '.join(rested.pending)}", (rested,)
    epochs = Epochs()
    for line in life.log:
        epochs.take(line)
    if life.log and (rested.phase, rested.epoch) != (epochs.phase, epochs.epoch):
        told, said = f"{rested.phase}, epoch {rested.epoch}", f"{epochs.phase}, epoch {epochs.epoch}"
        proof = (rested,) if epochs.turned is None else (rested, epochs.turned)
        yield f"{life.name} is said to be {told}; its log says {said}", proof


def nothing_left(story: Story) -> Iterator[Told]:
    """No process, port, mount or file has outlived what it was for."""
    for left in story.left:
        yield f"a {left.kind} is left: {left.what}", (left,)
