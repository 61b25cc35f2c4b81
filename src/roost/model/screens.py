"""The agent's own screen, as it is asked for and shown (PROTOCOL.md, section 13)."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from roost.model.errors import InvalidRequest

COLUMNS: Final = (10, 500)
"""How wide a screen may be,"""
ROWS: Final = (4, 300)
"""and how high."""
MAX_KEYS_BYTES: Final = 64 * 1024
"""What is typed at once."""
MAX_VIEWS: Final = 16
"""Terminals that look at one screen."""


class Size(Struct, frozen=True, kw_only=True):
    """Of a terminal, in characters."""

    columns: int = 80
    rows: int = 24

    def check(self) -> None:
        """Raises: InvalidRequest."""
        for name, value, (least, most) in (("columns", self.columns, COLUMNS), ("rows", self.rows, ROWS)):
            if not least <= value <= most:
                raise InvalidRequest(f"{name}: {least} to {most}")


class Shown(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a screen shows: a line of `text` for each row, without the blanks at their ends. `exit_code`: of its agent,
    if that has ended; negative: the signal that killed it."""

    text: str
    columns: int
    rows: int
    exit_code: int | UnsetType = UNSET
