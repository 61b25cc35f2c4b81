"""Reads what everybody did and saw, and says which promise was broken, by what: pure functions over a history.

Each rule is one promise, a row of `RULES`. A rule sees the story (story.py) and yields violations: a sentence, and the
records that prove it. All of them take time in proportion to the history.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from tests.fire.chaos.checker.commands import decided_once, effective_once
from tests.fire.chaos.checker.observers import all_told, seen_alike
from tests.fire.chaos.checker.order import as_answered
from tests.fire.chaos.checker.rest import nothing_left, nothing_stuck, one_end
from tests.fire.chaos.checker.story import Story, Told, Violation
from tests.fire.chaos.checker.writers import no_gap, nothing_doubled, nothing_lost, one_writer, whole_order
from tests.fire.chaos.history import Entry

LOGS: Final = "the logs"


class Rule(NamedTuple):
    """`broken`: what breaks the promise that its first words make; `proven_by`: the records that it compares."""

    broken: Callable[[Story], Iterator[Told]]
    proven_by: str


RULES: Final[dict[str, Rule]] = {
    "no-gap": Rule(no_gap, LOGS),
    "nothing-lost": Rule(
        nothing_lost,
        f"what played hosts were acknowledged, the numbers on all that they said, and {LOGS}; of scripted agents, the "
        "numbers on their deltas and the script that asked for them",
    ),
    "nothing-doubled": Rule(nothing_doubled, f"the same numbers, and {LOGS}"),
    "whole-order": Rule(whole_order, f"the same numbers, and {LOGS}"),
    "one-writer": Rule(
        one_writer,
        "the epoch on all that played hosts said, the events that open and close epochs, and when each host was "
        "acknowledged what",
    ),
    "seen-alike": Rule(
        seen_alike,
        f"the cursor of every connection of every observer, the digests of what it was given, and {LOGS}; in the Coder "
        "view, what its other observers were given",
    ),
    "all-told": Rule(all_told, "the connections that stand when all is quiet, and the last event of each log"),
    "effective-once": Rule(
        effective_once,
        f"what people were answered, or that they were not, the marks in what they sent, and {LOGS}",
    ),
    "as-answered": Rule(
        as_answered, f"when people and played hosts asked for what, when they were answered, the same marks, and {LOGS}"
    ),
    "decided-once": Rule(decided_once, f"the answers of people who race for the same decision, and {LOGS}"),
    "one-end": Rule(one_end, LOGS),
    "nothing-stuck": Rule(nothing_stuck, f"how the hub says every session is when all is quiet, and {LOGS}"),
    "nothing-left": Rule(
        nothing_left, "processes by the mark that all of a round inherit, ports, mounts and files after `roost down`"
    ),
}
"""Every promise by its name."""


def check(history: Iterable[Entry]) -> list[Violation]:
    """All that is wrong with this history, in the order of the rules; empty: every promise was kept."""
    story = Story(history)
    return [Violation(name, *told) for name, rule in RULES.items() for told in rule.broken(story)]
