"""What people and programs asked for, and what became of it."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from tests.fire.chaos.checker.epochs import CLOSES
from tests.fire.chaos.checker.story import Life, Line, Op, Story, Told

INPUTS: Final = frozenset(("run-start", "steered", "queued"))
"""Each holds an input; the same input may stand in several of them, under one message id."""
ANSWERS: Final = frozenset(("permission-replied", "question-replied"))
COMMANDS: Final = INPUTS | ANSWERS | {"abort-requested", "session-updated", "config-changed"}
"""Events that carry the mark of the operation that caused them. Agents may repeat it in others."""
ALWAYS: Final = frozenset(("send", "steer", "queue", "answer", "label"))
"""Operations that leave an event behind if they succeed. Others may find that there is nothing to do."""
ASKED: Final = frozenset(("permission-asked", "question-asked"))
SETTLES: Final = ANSWERS | {"request-withdrawn"}
_MARK: Final = re.compile(rb"<[\w.-]+>")


def effective_once(story: Story) -> Iterator[Told]:
    """What succeeded is in the log once, what was refused is not, and what nobody knows of is there at most once; and
    an input has its run once, unless the hub has queued it again."""
    for life in story:
        commands = marked(life)
        for op in life.ops:
            if op.invoked.kind != "append" and not life.deleted:
                yield from _effects(life, op, commands.get(op.invoked.mark, []))
        yield from _runs_of_inputs(life)


def decided_once(story: Story) -> Iterator[Told]:
    """A decision is asked for once, answered at most once, in the log and to whoever answered it."""
    for life in story:
        yield from _settled_once(life)
        won: dict[str, Op] = {}
        replies = {line.body.request for line in life.log if line.body.type in ANSWERS}
        for op in life.ops:
            target = op.invoked.target
            if op.invoked.kind != "answer" or op.outcome != "ok":
                continue
            if target in won:
                yield f"{life.name}: {won[target]} and {op} both answered {target}", (*won[target].proof, *op.proof)
            elif target not in replies and not life.deleted:
                yield f"{life.name}: {op} answered {target}, of which the log knows nothing", op.proof
            won.setdefault(target, op)


def marked(life: Life) -> dict[str, list[Line]]:
    """The commands in the log by the mark they carry."""
    found: defaultdict[str, list[Line]] = defaultdict(list)
    for line in life.log:
        if line.body.type in COMMANDS:
            for mark in set(_MARK.findall(bytes(line.event.body))):
                found[mark.decode()].append(line)
    return found


def _effects(life: Life, op: Op, lines: list[Line]) -> Iterator[Told]:
    if op.invoked.kind == "answer":  # a rejection settles the session's other requests in the same words
        lines = [line for line in lines if line.body.request == op.invoked.target]
    effects = {line.body.message if line.body.type in INPUTS else str(line.event.seq): line for line in lines}
    proof = (*op.proof, *(line.event for line in effects.values()))
    if len(effects) > 1:
        yield f"{life.name}: {op} took effect {len(effects)} times", proof
    if op.outcome == "refused" and effects:
        yield f"{life.name}: {op} was refused, and took effect", proof
    if op.outcome != "ok" or not op.invoked.mark:
        return
    if not effects and op.invoked.kind in ALWAYS:
        yield f"{life.name}: {op} was accepted, and the log knows nothing of it", proof
    run = op.answered.run if op.answered else ""
    if run and effects and not any(line.event.run == run for line in lines):
        yield f"{life.name}: {op} was told of run {run}, and is of another", proof


def _runs_of_inputs(life: Life) -> Iterator[Told]:
    allowed: defaultdict[str, int] = defaultdict(lambda: 1)
    begun: defaultdict[str, list[Line]] = defaultdict(list)
    for line in life.log:
        if line.body.type == "queued" and line.body.again:
            allowed[line.body.message] += 1
        elif line.body.type == "run-start":
            runs = begun[line.body.message]
            runs.append(line)
            if len(runs) > allowed[line.body.message]:
                proof = (runs[-2].event, line.event)
                yield f"{life.name}: the input {line.body.message} has run {len(runs)} times", proof


def _settled_once(life: Life) -> Iterator[Told]:
    asked: dict[str, Line] = {}
    open_ones: dict[str, Line] = {}
    settled: dict[str, Line] = {}
    for line in life.log:
        kind, request = line.body.type, line.body.request
        if kind in ASKED:
            if request in asked:
                yield f"{life.name} asks {request} twice", (asked[request].event, line.event)
            asked[request] = open_ones[request] = line
        elif kind in SETTLES:
            if request in settled:
                yield f"{life.name} has {request} answered twice", (settled[request].event, line.event)
            elif request not in open_ones:
                yield f"{life.name} has {request} answered, which waits for nobody", (line.event,)
            settled[request] = line
            open_ones.pop(request, None)
        elif kind in CLOSES:
            open_ones.clear()
