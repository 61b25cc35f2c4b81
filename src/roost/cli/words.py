"""Values as people read them. What an agent or a user wrote passes `plain`, `inline` or `one_line` before it meets a
terminal. Widths are counted in cells: what a terminal gives to a character, which is two for many and none for some."""

import re
import shlex
import time
from pathlib import Path
from typing import Any, Final

from msgspec import UNSET, UnsetType

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What could move the cursor, set the clipboard, or make text read otherwise than it is. Not tab and newline."""
_ENDING: Final = re.compile("[\t\n]")
_IN_JSON: Final = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""The part of these that JSON may carry as they are."""
_EXPANDED: Final = re.compile(r"[\"$`\\!]")
"""What a shell changes between double quotes."""
MAX_PER_CELL: Final = 8
"""Characters for each cell of a line, on average: accents can be piled up without end."""


def plain(text: str) -> str:
    """The text without the power to command a terminal: control characters become visible."""
    return _CONTROL.sub(_visible, text.replace("\r\n", "\n"))


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else "�"


def inline(text: str) -> str:
    """The whole text within a line: tabs and newlines become visible too."""
    return _ENDING.sub(_visible, _CONTROL.sub(_visible, text))


def one_line(text: str, columns: int) -> str:
    """The text on one line, its white space as single spaces, cut to fit into so many cells."""
    from rich.cells import set_cell_size

    line = " ".join(plain(text).split())
    short = line[: columns * MAX_PER_CELL]
    if short == line and cells(line) <= columns:
        return line
    return set_cell_size(short, max(columns - 1, 0)).rstrip() + "…"


def cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, columns: int) -> str:
    """The text, with spaces up to so many cells."""
    return text + " " * (columns - cells(text))


def quoted(text: str) -> str:
    """One word for a shell, whatever an agent has put into it: people copy it."""
    word = inline(text)
    return shlex.quote(word) if _EXPANDED.search(word) else f'"{word}"'


def disarmed(json: str) -> str:
    """The same JSON, with what could command a terminal as escapes."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", json)


def age(at_ms: int, now_ms: float | None = None) -> str:
    """How long ago: `5 s`, `12 min`, `3 h`, `4 d`."""
    now = time.time() * 1000 if now_ms is None else now_ms
    seconds = max(now - at_ms, 0) / 1000
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def duration(milliseconds: int) -> str:
    seconds = max(milliseconds, 0) / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def count(number: int) -> str:
    """1234 as `1.2k`."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:.1f}".removesuffix(".0") + unit
    return str(number)


def size(number: int) -> str:
    """Bytes: `12.3 MB`."""
    return f"{number} B" if number < 1000 else f"{count(number)[:-1]} {count(number)[-1]}B"


def folder(path: str | UnsetType) -> str:
    """A path, with the home folder as `~`."""
    if path is UNSET:
        return ""
    home = str(Path.home())
    return "~" + path[len(home) :] if path == home or path.startswith(home + "/") else path


def brief(value: Any) -> str:
    """What a tool was asked, in a few words: its one interesting argument, or all of them."""
    if isinstance(value, dict):
        fields: dict[str, Any] = {str(k): v for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]  # JSON
        for name in ("command", "cmd", "path", "file_path", "filePath", "pattern", "query", "url", "description"):
            if isinstance(fields.get(name), str):
                return fields[name]
        return ", ".join(f"{name}={brief(each)}" for name, each in fields.items())
    if value is None or value is UNSET:
        return ""
    return value if isinstance(value, str) else str(value)


def clock(at_ms: int) -> str:
    """The time of day here, to the millisecond."""
    moment = time.localtime(at_ms / 1000)
    return f"{time.strftime('%H:%M:%S', moment)}.{at_ms % 1000:03}"
