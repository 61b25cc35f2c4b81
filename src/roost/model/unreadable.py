"""What decoding raises for bytes that are not what they should be: the wrong shape, no UTF-8, nested too deeply."""

from typing import Final

from msgspec import MsgspecError

UNREADABLE: Final = (MsgspecError, UnicodeError, RecursionError)
