"""What the last lines of an agent's screen show: the weakest witness, asked last. Pure.

Nothing on a screen has a time, and what is drawn there changes with every version. So only two things are looked for: a
question that waits for a person, and a prompt with nothing after it. Anything else on it counts as work.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from roost.model.activity import Activity

LINES: Final = 10
"""From the end of a screen, blank ones at its end left out."""
ASKED_WITHIN: Final = 5
"""Of these the last ones are looked at for a question."""


class Screen(Struct, frozen=True):
    """How to read an agent's screen. `asks`: a question that waits for a person, in the last lines. `rests`: the whole
    last line is a prompt. `asks_first`: a question counts also above a prompt."""

    asks: re.Pattern[str]
    rests: re.Pattern[str]
    asks_first: bool = False


def _asks(*words: str) -> re.Pattern[str]:
    return re.compile("|".join((r"\(y\)es.*\(n\)o", *words)), re.IGNORECASE)


_RESTS: Final = re.compile(r"[>$#]")
_CHOICE: Final = r"[❯›●>]\s*1\.\s+(yes|allow)\b"
"""The first of several answers, chosen already."""

SCREENS: Final[Mapping[str, Screen]] = {
    "claude": Screen(
        # "bypass permissions on" stands below every prompt of an agent that was started so, and asks nothing
        _asks(r"do you want to proceed\?", r"bypass(?! permissions on).*permissions", _CHOICE),
        re.compile("[❯>$#]"),
    ),
    "codex": Screen(_asks("approval required", _CHOICE), _RESTS),
    "gemini": Screen(_asks(r"allow execution", r"apply this change\?", _CHOICE), _RESTS),
    "opencode": Screen(
        _asks("approval required", r"do you want to proceed\?", r"allow .*\?", "permission required"), _RESTS
    ),
    "pi": Screen(_asks(), _RESTS),
}
OTHER: Final = Screen(
    _asks(r"\[yes\].*\[no\]", r"\[y/n\]", r"proceed\?", r"continue\?", "press enter to continue"),
    _RESTS,
    asks_first=True,
)
"""Of an agent that is not known."""


def on_screen(agent: str, text: str) -> Activity:
    """What the screen shows of it: `idle`, `waiting_input`, or else `active`. `text`: its lines, without colours."""
    screen = SCREENS.get(agent, OTHER)
    lines = [line.strip() for line in text.rstrip().splitlines()[-LINES:]]
    if not any(lines):
        return Activity.IDLE
    rests = screen.rests.fullmatch(lines[-1]) is not None
    asks = screen.asks.search("\n".join(lines[-ASKED_WITHIN:])) is not None
    if asks and (screen.asks_first or not rests):
        return Activity.WAITING_INPUT
    return Activity.IDLE if rests else Activity.ACTIVE
