"""The bell inside one process: a topic, and an event that everybody who waits on it shares."""

import asyncio
from collections.abc import Callable
from typing import Final

import anyio

LOOKS_AT_ONCE: Final = 100
"""So many look before the event loop turns to everybody else."""


class LocalBell:
    """Implements `ports.Bell`. Costs nothing for a topic nobody waits on."""

    def __init__(self) -> None:
        self._tickets: dict[str, anyio.Event] = {}

    def ticket(self, topic: str) -> anyio.Event:
        event = self._tickets.get(topic)
        if event is None:
            event = self._tickets[topic] = anyio.Event()
        return event

    def ring(self, topic: str) -> None:
        event = self._tickets.pop(topic, None)
        if event is not None:
            event.set()


class Lookers:
    """Those who look again without a task of their own: one after the other in one pass, soon, however often they were
    told meanwhile. What one looks with raises nothing."""

    __slots__ = ("_again", "_looks", "_passing")

    def __init__(self) -> None:
        self._looks: dict[Callable[[], None], None] = {}
        self._passing = False
        self._again = False

    def add(self, look: Callable[[], None]) -> None:
        self._looks[look] = None

    def discard(self, look: Callable[[], None]) -> None:
        self._looks.pop(look, None)

    def ring(self) -> None:
        self._again = bool(self._looks)
        if self._again and not self._passing:
            self._passing = True
            asyncio.get_running_loop().call_soon(self._pass, list[Callable[[], None]]())

    def _pass(self, left: list[Callable[[], None]]) -> None:
        """The next of those who are left; from the start, if it rang again."""
        if not left and self._again:
            self._again, left = False, list(self._looks)
        for look in left[:LOOKS_AT_ONCE]:
            look()
        if len(left) > LOOKS_AT_ONCE or self._again:
            asyncio.get_running_loop().call_soon(self._pass, left[LOOKS_AT_ONCE:])
        else:
            self._passing = False
