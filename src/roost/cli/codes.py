"""Exit codes (docs/reference/cli.md)."""

from typing import Final

OK: Final = 0
ERROR: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
NO_HUB: Final = 4
RUN_FAILED: Final = 5
RUN_ABORTED: Final = 6
DETACHED: Final = 130
BROKEN_PIPE: Final = 141

MEANINGS: Final[dict[int, str]] = {
    OK: "Done. For `run` and `send`: the run completed.",
    ERROR: "It did not work; the message and its code say why. `doctor`: something failed.",
    USAGE: "The command line or the configuration is wrong; nothing was done.",
    NOT_FOUND: "No session, or no open request, has this name.",
    NO_HUB: "No hub answers, or it stayed away for too long.",
    RUN_FAILED: "The run ended with `run-error`.",
    RUN_ABORTED: "The run was aborted.",
    DETACHED: "Left with Ctrl-C. What was running goes on. `up`, twice: its agents were killed.",
    BROKEN_PIPE: "The reader of the output went away.",
}
