"""Reads what everybody did and saw, and says which promise was broken, by what: pure functions over a history.

Each rule is one promise, a row of `RULES`. A rule sees the story (story.py) and yields violations: a sentence, and the
records that prove it. All of them take time in proportion to the history.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tests.fire.chaos.checker.commands import decided_once, effective_once
from tests.fire.chaos.checker.observers import all_told, seen_alike
from tests.fire.chaos.checker.rest import nothing_left, nothing_stuck, one_end
from tests.fire.chaos.checker.story import Story, Told, Violation
from tests.fire.chaos.checker.writers import no_gap, nothing_doubled, nothing_lost, one_writer, whole_order
from tests.fire.chaos.history import Entry

RULES: Final[dict[str, Callable[[Story], Iterator[Told]]]] = {
    "no-gap": no_gap,
    "nothing-lost": nothing_lost,
    "nothing-doubled": nothing_doubled,
    "whole-order": whole_order,
    "one-writer": one_writer,
    "seen-alike": seen_alike,
    "all-told": all_told,
    "effective-once": effective_once,
    "decided-once": decided_once,
    "one-end": one_end,
    "nothing-stuck": nothing_stuck,
    "nothing-left": nothing_left,
}
"""Every promise by its name."""


def check(history: Iterable[Entry]) -> list[Violation]:
    """All that is wrong with this history, in the order of the rules; empty: every promise was kept."""
    story = Story(history)
    return [Violation(rule, *told) for rule, function in RULES.items() for told in function(story)]
