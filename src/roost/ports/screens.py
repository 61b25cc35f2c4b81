"""The agent's own screen, for people who want to see and use it."""

from typing import Protocol

from roost.model.screens import Shown


class View(Protocol):
    """One pair of eyes, and perhaps hands, on a screen. What is not read is not made: the next `read` tells how the
    screen stands by then."""

    async def read(self) -> bytes:
        """What a terminal of its size is to be sent next, at most 64 KiB: the whole screen first, then what changes.
        Waits; empty: there is nothing any more to look at. For one reader."""
        ...

    async def write(self, data: bytes) -> None:
        """Keys, as a terminal sends them. Raises: OSError: there is nobody any more to type to."""
        ...

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has another size now."""
        ...

    def close(self) -> None:
        """Nobody looks any more. `read` returns."""
        ...


class Screen(Protocol):
    """The screen of an agent that has one. It is there before the agent, and stays when that has ended."""

    async def open(self, columns: int, rows: int, *, writes: bool) -> View:
        """Begin to look; `writes`: and to type. Raises: ScreenLost."""
        ...

    async def shown(self) -> Shown:
        """What it shows now. Raises: ScreenLost."""
        ...
