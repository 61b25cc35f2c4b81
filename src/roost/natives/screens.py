"""What the last lines of an agent's screen show: the weakest witness, asked last. Pure.

Nothing on a screen has a time, and what is drawn there changes with every version. So few things are looked for: a
question that waits for a person, words that stand there only while the agent works, and a prompt with nothing after it.
Anything else counts as work. Screens of the real agents are in tests/golden/native/screens.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from roost.model.activity import Activity

LINES: Final = 10
"""From the end of a screen; blank ones do not count."""
ASKED_WITHIN: Final = 5
"""Of these the last ones are looked at for the words of a question."""


class Screen(Struct, frozen=True):
    """How to read an agent's screen. `asks`: the words of a question, among the last lines. `rests`: a line that is a
    prompt and nothing else: the last one, or, where the agent has an input box above other lines, any. `works`: what
    stands there only while it works; None: nothing does, and a prompt in a box says nothing. `asks_first`: a question
    counts also above a prompt."""

    asks: re.Pattern[str]
    rests: re.Pattern[str]
    box: re.Pattern[str] | None = None
    works: re.Pattern[str] | None = None
    asks_first: bool = False


def _asks(*words: str) -> re.Pattern[str]:
    return re.compile("|".join((r"\(y\)es.*\(n\)o", *words)), re.IGNORECASE)


def _works(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


_RESTS: Final = re.compile(r"[>$#]")
_CHOICE: Final = re.compile(r"^[│┃ ]*[❯›●] 1\. .+\n[│┃ ]*2\. ", re.MULTILINE)
"""Several answers, the first chosen already: they stay as long as their question, however many there are."""

SCREENS: Final[Mapping[str, Screen]] = {
    "claude": Screen(
        # "bypass permissions on" stands below every prompt of an agent that was started so, and asks nothing
        _asks(r"do you want to proceed\?", r"bypass(?! permissions on).*permissions"),
        re.compile("[❯>$#]"),
        box=re.compile("❯"),
        works=_works(r"esc to interrupt"),
    ),
    "codex": Screen(_asks("approval required"), _RESTS),
    "gemini": Screen(
        _asks(r"allow execution", r"apply this change\?"),
        _RESTS,
        box=re.compile(r">\s+Type your message.*"),
        works=_works(r"esc to cancel"),
    ),
    "opencode": Screen(
        _asks("approval required", r"do you want to proceed\?", r"allow .*\?", "permission required"),
        _RESTS,
        box=re.compile(r".*ctrl\+p commands"),
        works=_works(r"esc (again to )?interrupt"),
    ),
    "pi": Screen(_asks(), _RESTS, box=re.compile(r".*\d%/\S+ \(auto\).*"), works=_works("working ─")),
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
    lines = [line.strip() for line in text.splitlines() if line.strip()][-LINES:]
    if not lines:
        return Activity.IDLE
    asks = screen.asks.search("\n".join(lines[-ASKED_WITHIN:])) or _CHOICE.search("\n".join(lines))
    rests = screen.rests.fullmatch(lines[-1]) is not None
    if asks and (screen.asks_first or not rests):
        return Activity.WAITING_INPUT
    if rests:
        return Activity.IDLE
    if screen.box is None or screen.works is None or any(screen.works.search(line) for line in lines):
        return Activity.ACTIVE
    return Activity.IDLE if any(screen.box.fullmatch(line) for line in lines) else Activity.ACTIVE
