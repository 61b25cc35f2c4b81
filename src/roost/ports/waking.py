"""Waking each other, and time."""

from typing import Protocol


class Signal(Protocol):
    """One ticket of a bell: `wait` returns once the bell has rung after the ticket was taken."""

    async def wait(self) -> object: ...


class Bell(Protocol):
    """Says "look again" and nothing else. Take a ticket before reading, wait on it after."""

    def ticket(self, topic: str) -> Signal: ...

    def ring(self, topic: str) -> None: ...


class Clock(Protocol):
    """Time as the hub sees it. `now_ms` is for people; deadlines use `monotonic` (seconds)."""

    def now_ms(self) -> int: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...
