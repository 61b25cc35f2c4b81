"""What can be told from an agent's screen. Pure.

`Reader` is the seam: whoever knows an agent's own records puts a better one in its place (drivers/terminal/driver.py).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

from msgspec import Struct

from roost.drivers.terminal.agents import TerminalAgent

QUIET_SECONDS: Final = 2.0
"""An agent of which nothing is known has done its work if its screen stands still for so long, and nothing that it has
started meanwhile runs;"""
READY_SECONDS: Final = 0.3
"""one whose screen says that it waits for input, if it stands still for so long;"""
STUCK_SECONDS: Final = 30.0
"""and any, if its screen stands still for so long, whatever it may have started: a server, perhaps."""
BOTTOM_LINES: Final = 12
"""Where an agent says what it is doing: so many of the last lines that are not empty."""

State = Literal["active", "idle", "waiting_input", "exited"]


class Look(Struct, frozen=True, kw_only=True):
    """A look at the screen. `lines`: its rows. `still_seconds`: for how long nothing on it has changed since something
    was typed. `started`: processes that the agent has started since then and that run. `births`: its own process and
    those below it, and when each was started, as the kernel counts it. `exit_code`: of an agent that has ended; None:
    it runs."""

    lines: tuple[str, ...]
    still_seconds: float
    started: int = 0
    births: Mapping[int, str] = {}
    exit_code: int | None = None


class Reader(Protocol):
    """Says what an agent is doing. It may block."""

    def begin(self) -> None:
        """Something is typed now: what was before does not count."""
        ...

    def activity(self, look: Look) -> State:
        """Of an agent to which something was typed. It is `idle` once it has done what it was told."""
        ...


class ScreenReader:
    """From the screen and its processes alone, with the patterns of the agent's row."""

    def __init__(self, agent: TerminalAgent) -> None:
        self._busy, self._ready, self._asks = (
            [re.compile(pattern) for pattern in patterns] for patterns in (agent.busy, agent.ready, agent.asks)
        )

    def begin(self) -> None:
        """A screen tells nothing of before."""

    def activity(self, look: Look) -> State:
        if look.exit_code is not None:
            return "exited"
        bottom = [line for line in look.lines if line.strip()][-BOTTOM_LINES:]
        if look.still_seconds >= READY_SECONDS and _shows(bottom, self._asks):
            return "waiting_input"
        if look.still_seconds >= STUCK_SECONDS:
            return "idle"
        if _shows(bottom, self._busy):
            return "active"
        if look.still_seconds >= READY_SECONDS and _shows(bottom, self._ready):
            return "idle"
        quiet = look.still_seconds >= QUIET_SECONDS and not look.started and not self._ready
        return "idle" if quiet else "active"


def _shows(lines: Sequence[str], patterns: Sequence["re.Pattern[str]"]) -> bool:
    return any(pattern.search(line) for line in lines for pattern in patterns)


# --- its input box ---

_RULE: Final = re.compile(r"^[\s╭╮╰╯┌┐└┘├┤]*[─━═▀▄]{8,}")
_MARKED: Final = re.compile(r"^\W{0,4}[>❯›»$](\s|$)")
_TAIL_CHARS: Final = 12
_FOLDED: Final = re.compile(r"\[Pasted|\[paste", re.IGNORECASE)


def still_typed(lines: Sequence[str], text: str) -> bool:
    """Whether what was typed stands in the input box, and has not been taken."""
    box = "".join("".join(input_box(lines)).split())
    tail = "".join(text.split())[-_TAIL_CHARS:]
    return bool(box) and ((bool(tail) and tail in box) or _FOLDED.search(box) is not None)


def input_box(lines: Sequence[str]) -> Sequence[str]:
    """What lies between the last two rules that have something between them, else from the last line that is marked as
    one for input."""
    rules = [at for at, line in enumerate(lines) if _RULE.match(line)]
    for above, below in zip(reversed(rules[:-1]), reversed(rules[1:]), strict=True):
        if below - above > 1:
            return lines[above + 1 : below]
    marks = [at for at, line in enumerate(lines) if _MARKED.match(line)]
    return lines[marks[-1] :] if marks else ()


# --- what is typed, and what is kept ---

_COMMANDING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def typeable(text: str) -> str:
    """The same without what a terminal would take for a key or a command: one that ends a paste, or interrupts."""
    return _COMMANDING.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
