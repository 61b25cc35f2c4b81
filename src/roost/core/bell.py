"""The bell inside one process: a topic, and an event that everybody who waits on it shares."""

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
