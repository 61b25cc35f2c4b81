"""What a run's log keeps of the screen: the lines that it has added, as text. Those that leave the screen at its top
are told as they go, since nothing can change them any more; the rest as it stands at the end.

A program that takes the whole screen scrolls nothing: of one the log keeps what the screen shows at the end.
"""

from collections.abc import Sequence
from typing import Final

from roost.drivers.terminal.tmux import HISTORY_LINES, Pane, Tmux
from roost.model import events as e
from roost.model.ids import new_message_id, new_part_id
from roost.ports import Turn

MAX_CHARS: Final = 32 * 1024
"""Of a run's text. What scrolls by after that is left out, and a line says so; the end has room of its own."""
MAX_SCREEN_CHARS: Final = 16 * 1024
LEFT_OUT: Final = "[...]\n"


class Telling:
    """Of one run: `begin`, `scrolled` now and then, `end`."""

    def __init__(self, turn: Turn, tmux: Tmux, agent: str) -> None:
        self._turn, self._tmux, self._agent = turn, tmux, agent
        self._message, self._part = new_message_id(), new_part_id()
        self._next = 0
        """The first line that has not been told, counted from the first that is known."""
        self._said: list[str] = []
        self._left = MAX_CHARS

    async def begin(self, pane: Pane) -> None:
        """`pane`: as it stands before anything is typed."""
        self._next = pane.scrolled + min(pane.cursor, _height(pane))
        await self._turn.emit(
            e.MessageStart(message=self._message, agent=self._agent),
            e.PartStart(message=self._message, part=self._part, kind="text"),
        )

    async def scrolled(self, pane: Pane) -> None:
        """Tell what has left the screen. Raises: ScreenLost."""
        if pane.scrolled < self._next or pane.whole or pane.scrolled >= HISTORY_LINES:
            return  # what is forgotten moves all others: nobody knows then which have been told
        new = pane.scrolled - self._next
        if new and self._left:
            await self._say(_joined(await self._tmux.history(-new, -1)))
        self._next = pane.scrolled

    async def end(self, pane: Pane) -> e.RunResult:
        """`pane`: as it stands when all is done. Raises: ScreenLost."""
        await self.scrolled(pane)
        first = 0 if pane.whole or self._next > pane.scrolled + len(pane.lines) else max(0, self._next - pane.scrolled)
        self._left = max(self._left, MAX_SCREEN_CHARS)
        await self._say(_joined(pane.lines[first:]).strip("\n"))
        await self._turn.emit(
            e.PartDone(message=self._message, part=self._part), e.MessageDone(message=self._message, finish="stop")
        )
        return e.RunResult(message=self._message, text="".join(self._said))

    async def _say(self, text: str) -> None:
        if len(text) > self._left:
            text = text[: self._left] + LEFT_OUT
        self._left = max(0, self._left - len(text))
        if text:
            self._said.append(text)
            await self._turn.emit(e.TextDelta(message=self._message, part=self._part, delta=text))


def _height(pane: Pane) -> int:
    """So many rows show something."""
    return max((at for at, line in enumerate(pane.lines, 1) if line.strip()), default=0)


def _joined(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in lines)
