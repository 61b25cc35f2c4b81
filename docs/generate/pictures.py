"""Pictures of real terminal sessions, as SVG without anything from outside."""

import fcntl
import hashlib
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT: Final = Path(__file__).resolve().parents[2]
COLUMNS: Final = 100
GREY, RED, GREEN, YELLOW = (24, 26, 31), (240, 113, 120), (135, 200, 128), (229, 192, 123)
BLUE, VIOLET, CYAN, WHITE = (97, 175, 239), (198, 160, 246), (110, 197, 208), (214, 217, 222)
THEME: Final = TerminalTheme(GREY, WHITE, [GREY, RED, GREEN, YELLOW, BLUE, VIOLET, CYAN, WHITE])
SVG: Final = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<!-- {mark} -->
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: ui-sans-serif, system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
  <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def demo() -> str:
    """`make demo`, as it ran just now."""
    return picture("demo", "make demo", record([sys.executable, "demo/run.py"]))


def record(command: list[str], **environment: str) -> str:
    """What a command prints to a terminal, colours included. Raises: CalledProcessError."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM", "COLUMNS")}
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=inside, env=plain | {"TERM": "xterm"} | environment
    ) as process:
        os.close(inside)
        printed = b""
        with suppress(OSError):  # how a terminal says that nobody writes to it any more
            while chunk := os.read(terminal, 65_536):
                printed += chunk
    os.close(terminal)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, printed)
    return printed.decode().replace("\r\n", "\n").strip("\n")


def picture(name: str, title: str, printed: str) -> str:
    """A terminal with this text in it."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(printed), soft_wrap=True)
    frame = SVG.replace("{mark}", mark_of(f"docs/pictures/{name}.svg"))
    made = console.export_svg(title=title, theme=THEME, code_format=frame, unique_id=name)
    return "\n".join(line.rstrip() for line in made.splitlines()) + "\n"


def mark_of(path: str) -> str:
    """Says what a picture was made from, so that one can see when that has changed."""
    source = SOURCES[path]
    digest = hashlib.sha256((ROOT / source).read_bytes()).hexdigest()[:16]
    return f"made by docs/build.py from a run of {source} {digest}"


SOURCES: Final = {"docs/pictures/demo.svg": "demo/run.py"}
"""What a picture shows a run of."""
PICTURES: Final[dict[str, Callable[[], str]]] = {"docs/pictures/demo.svg": demo}
