"""Where a session stands, by its log: the same lifecycle as the product's, told a second time and in fewer words."""

from typing import Final

from tests.fire.chaos.checker.story import Line
from tests.fire.chaos.history import Logged

PHASES: Final = {
    "session-created": "creating",
    "session-imported": "active",
    "runtime-ready": "active",
    "session-paused": "paused",
    "session-resuming": "resuming",
    "session-failed": "failed",
    "session-archived": "archived",
    "session-ended": "ended",
}
"""The phase after an event."""
CLOSES: Final = frozenset(("session-paused", "session-failed", "session-archived", "session-ended"))
"""Each closes an epoch, and takes its number: whoever held it may not write any more."""
RUN_ENDS: Final = frozenset(("run-complete", "run-aborted", "run-error"))


class Epochs:
    """A fold of the log. `writing`: the epoch whose host may write, 0 for none; `turned`: what decided that."""

    def __init__(self) -> None:
        self.phase = ""
        self.epoch = 0
        self.writing = 0
        self.turned: Logged | None = None

    def take(self, line: Line) -> None:
        kind = line.body.type
        self.phase = PHASES.get(kind, self.phase)
        if kind == "runtime-starting":
            self.epoch = self.writing = line.body.epoch
            self.turned = line.event
        elif kind in CLOSES:
            self.epoch, self.writing = self.epoch + 1, 0
            self.turned = line.event
