"""Hubs that break one promise each, to see that the checker says so: `python -m tests.fire.chaos.mutants NAME up ...`.

Each is the hub as it is, in a process of its own, with a function or two of it replaced before it is wired. What
brings the difference out is in `steps.py`: a few steps with real processes, which the hub as it is passes.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from tests.fire.chaos.mutants import breaking


class Mutant(NamedTuple):
    """`does`: what is wrong with it, in words; `rule`: the promise that it breaks."""

    does: str
    rule: str
    breaks: Callable[[], None]


MUTANTS: Final[dict[str, Mutant]] = {
    "acknowledges-first": Mutant(
        "acknowledges events to a host before they are committed", "nothing-lost", breaking.acknowledge_first,
    ),
    "tells-first": Mutant(
        "shows events to observers before they are committed", "seen-alike", breaking.tell_first,
    ),
    "no-fence": Mutant(
        "lets a host write whose epoch is over", "one-writer", breaking.drop_the_fence,
    ),
    "bell-after-reading": Mutant(
        "takes the bell after it has read the log", "all-told", breaking.take_the_bell_late,
    ),
    "falls-asleep-late": Mutant(
        "does not listen for the bell between giving an observer all there is and waiting for more", "all-told",
        breaking.fall_asleep_late,
    ),
    "takes-gaps": Mutant(
        "takes events of a host that do not follow its last ones", "whole-order", breaking.take_gaps,
    ),
    "takes-repeats": Mutant(
        "takes what a host sends again for new", "nothing-doubled", breaking.take_repeats,
    ),
    "answers-again": Mutant(
        "lets a decision be answered that was answered", "decided-once", breaking.answer_again,
    ),
    "forgets-keys": Mutant(
        "forgets idempotency keys", "effective-once", breaking.forget_keys,
    ),
    "records-no-steer": Mutant(
        "accepts input for the open run and does not record it", "effective-once", breaking.record_no_steer,
    ),
    "records-later": Mutant(
        "accepts a new label and records it a little later", "as-answered", breaking.record_later,
    ),
    "keeps-numbers": Mutant(
        "keeps the numbers that a failed commit had given out", "no-gap", breaking.keep_numbers,
    ),
    "ends-twice": Mutant(
        "lets a run end that has ended", "one-end", breaking.end_twice,
    ),
    "says-it-again": Mutant(
        "gives an observer who comes back the last event again", "seen-alike", breaking.say_it_again,
    ),
    "keeps-pages": Mutant(
        "keeps a page for observers that has grown since", "all-told", breaking.keep_pages,
    ),
    "waits-for-the-dead": Mutant(
        "does not give up a host that is dead", "nothing-stuck", breaking.wait_for_the_dead,
    ),
    "leaves-the-tree": Mutant(
        "does not kill what a dead host had started", "nothing-left", breaking.leave_the_tree,
    ),
}  # fmt: skip
