"""What a terminal can do, and progress on it. Anything that is not a terminal gets plain text."""

import os
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from shutil import get_terminal_size
from threading import Lock, Timer
from typing import TYPE_CHECKING, Final, TextIO, TypeVar

from roost.cli.words import disarmed, inline, plain

if TYPE_CHECKING:
    from rich.status import Status

T = TypeVar("T")
PATIENCE_SECONDS: Final = 1.0
"""What takes longer than this shows that it is going on."""
_STYLES: Final = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "italic": "2;3"}


class Output:
    """One of the two streams. Asked anew each time, since tests and shells change them."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def file(self) -> TextIO:
        return getattr(sys, self._name)

    @property
    def is_terminal(self) -> bool:
        return self.file.isatty()

    @property
    def colour(self) -> bool:
        return self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def style(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if text and self.colour else text

    @property
    def columns(self) -> int:
        """How wide a line may be; without a terminal nothing is cut."""
        return get_terminal_size().columns if self.is_terminal else 100_000


STDOUT: Final = Output("stdout")
STDERR: Final = Output("stderr")


class Progress:
    """A line on stderr that says what is going on, after a moment of patience. `done` may be called at any time."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lock = Lock()
        self._over = False
        self._status: Status | None = None
        self._timer = Timer(PATIENCE_SECONDS, self._show)
        self._timer.daemon = True
        if STDERR.is_terminal:
            self._timer.start()

    def _show(self) -> None:
        from rich.console import Console
        from rich.text import Text

        with self._lock:
            if not self._over:
                self._status = Console(stderr=True).status(Text(inline(self._text)))
                self._status.start()

    def say(self, text: str) -> None:
        """From now on this is what is going on."""
        with self._lock:
            self._text = text
            if self._status:
                from rich.text import Text

                self._status.update(Text(inline(text)))

    def done(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._over = True
            if self._status:
                self._status.stop()
                self._status = None


@contextmanager
def progress(text: str) -> Generator[Progress]:
    shown = Progress(text)
    try:
        yield shown
    finally:
        shown.done()


def print_struct(value: object) -> None:
    """One line of JSON."""
    import msgspec

    print_json_line(msgspec.json.encode(value))


def print_json_line(line: bytes) -> None:
    """As it is; on a terminal with escapes for what could command it."""
    text = line.decode()
    print(disarmed(text) if STDOUT.is_terminal else text, flush=True)


def print_list(found: Iterable[T], line: Callable[[T], str], *, as_json: bool, none: str = "") -> None:
    """Each in its line: of JSON, or what `line` makes of it. `none`: what people are told if there are none."""
    there_are = False
    for each in found:
        there_are = True
        if as_json:
            print_struct(each)
        else:
            print(line(each))
    if none and not there_are and not as_json:
        print(none)


class Bytes:
    """Where somebody else's bytes go: as they are into a file or a pipe, as `plain` text onto a terminal."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._decoder = getincrementaldecoder("utf-8")("replace")

    def write(self, piece: bytes) -> None:
        file = self._output.file
        if self._output.is_terminal:
            file.write(plain(self._decoder.decode(piece)))
        else:
            file.buffer.write(piece)

    def end(self) -> None:
        if self._output.is_terminal:
            self._output.file.write(plain(self._decoder.decode(b"", final=True)))
        self._output.file.flush()


def mute_stdout() -> None:
    """Its reader has gone: what is still to be said, also at exit, goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
