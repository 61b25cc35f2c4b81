"""What a page shows of a command's output, compared with what the command printed.

`...` stands for anything, on a line of its own for any number of lines. What is different each time (ids, pids, ports,
times, sizes, versions, widths of columns) is compared by its form. An id of a session that a page shows stands for the
one that was printed, from there on.
"""

import re
from typing import Final

ID: Final = re.compile(r"(?:\b|(?<=codesess_))[0-9a-f]{12}\b")
FORMS: Final = (
    (re.compile(r"\b(msg|part|run|req|call)_(\w+|\.\.\.)"), r"\1_ID"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "CLOCK"),
    (re.compile(r"\b\d+(\.\d+)?( ?)(ms|s|min|[kMG]?B)\b"), r"N\2\3"),
    (re.compile(r"\bpid([ =])\d+"), r"pid\1N"),
    (re.compile(r"(?<=\d):\d{4,5}\b"), ":PORT"),
    (re.compile(r"\b\d+\.\d+\.\d+\b(?!\.)"), "VERSION"),
    (re.compile(r" +"), " "),
)


class Ids:
    """Which printed id each id of a page stands for."""

    def __init__(self) -> None:
        self.meant: dict[str, str] = {}

    def said(self, text: str) -> str:
        """The text with the ids that were printed."""
        return ID.sub(lambda found: self.meant.get(found[0], found[0]), text)

    def learn(self, shown: str, printed: str) -> bool:
        """Take the ids of two lines as pairs; False: one of them stands for another already."""
        pairs = list(zip(ID.findall(shown), ID.findall(printed), strict=False))
        if any(self.meant.get(one, other) != other for one, other in pairs):
            return False
        self.meant.update(pairs)
        return True


def form(line: str) -> str:
    line = ID.sub("SESSION", line.rstrip())
    for pattern, name in FORMS:
        line = pattern.sub(name, line)
    return line.strip()


def matches(shown: str, printed: str, ids: Ids) -> bool:
    wanted = ".*".join(re.escape(piece) for piece in form(shown).split("..."))
    return re.fullmatch(wanted, form(printed)) is not None and ids.learn(shown, printed)


def agree(shown: list[str], printed: list[str], ids: Ids) -> bool:
    """Whether the printed lines are those that the page shows."""
    if not shown:
        return not printed
    if shown[0].strip() == "...":
        return any(agree(shown[1:], printed[skip:], ids) for skip in range(len(printed) + 1))
    return bool(printed) and matches(shown[0], printed[0], ids) and agree(shown[1:], printed[1:], ids)
