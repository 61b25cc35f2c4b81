"""The bell inside one process: a topic, and an event that everybody who waits on it shares."""

import asyncio
from collections.abc import Callable

import anyio


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
    """Those who look again without a task of their own: all in one pass of one callback, soon, however often they were
    told meanwhile. What one looks with raises nothing."""

    __slots__ = ("_due", "_looks")

    def __init__(self) -> None:
        self._looks: dict[Callable[[], None], None] = {}
        self._due = False

    def add(self, look: Callable[[], None]) -> None:
        self._looks[look] = None

    def discard(self, look: Callable[[], None]) -> None:
        self._looks.pop(look, None)

    def ring(self) -> None:
        if self._looks and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._pass)

    def _pass(self) -> None:
        self._due = False
        for look in list(self._looks):
            look()
