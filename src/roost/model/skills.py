"""A folder of its own for each skill, whatever others are called. Pure."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

MAX_FOLDER_CHARS: Final = 64
MARK_DIGITS: Final = 8
"""Of the hash that tells skills of one name apart."""


def apart(wanted: Sequence[tuple[str, str]]) -> list[str]:
    """A folder for each pair of the name that is wanted and of who wants it: no two have both the same.

    Where several want one name (case is no difference: some file systems see none), each of them gets it with a mark
    made of who it is. So the order decides nothing, and a third one moves none of them.
    """
    often = Counter(name.casefold() for name, _ in wanted)
    found = [name if often[name.casefold()] == 1 else _marked(name, who) for name, who in wanted]
    if len({name.casefold() for name in found}) < len(found):  # somebody is called like the mark of somebody else
        return [_marked(name, who) for name, who in wanted]
    return found


def _marked(name: str, who: str) -> str:
    mark = sha256(who.encode(errors="replace")).hexdigest()[:MARK_DIGITS]
    return f"{name[: MAX_FOLDER_CHARS - MARK_DIGITS - 1]}-{mark}"
