"""What cannot be read, or could be read here and not be written again elsewhere: wrong shape, no UTF-8, too deep."""

import re
from typing import Final

from msgspec import MsgspecError

UNREADABLE: Final = (MsgspecError, UnicodeError, RecursionError)
"""What decoding raises for bytes that are not what they should be."""
MAX_NESTING: Final = 128
"""Objects and lists within each other, in a request or in an event. Far below what any reader of JSON gives up at."""

_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{\]}]', re.DOTALL)


def shallow(raw: bytes) -> bool:
    """Whether there are so few brackets in it that it cannot be too deep. To split takes a fifth of what to count does:
    Python looks for a byte many at a time, and counts one by one."""
    most = MAX_NESTING + 1  # of either kind: so many of one alone are too many
    return len(raw.split(b"{", most)) + len(raw.split(b"[", most)) - 2 <= MAX_NESTING


def too_deep(raw: bytes) -> bool:
    """Whether this JSON is nested deeper than `MAX_NESTING`."""
    if shallow(raw):
        return False
    depth = 0
    for token in _TOKENS.finditer(raw):
        first = token[0][0]
        depth += (first in b"[{") - (first in b"]}")
        if depth > MAX_NESTING:
            return True
    return False
