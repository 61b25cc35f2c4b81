"""Observers that remember all they saw, and what a whole log must look like."""

import json
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
from msgspec import UNSET

from roost.client import AsyncSession
from roost.model.envelope import Event, encode_event
from roost.model.events import RunAborted, RunComplete, RunError, RunStart, TextDelta

Test = Callable[[Event], bool]


def script(*steps: dict[str, Any]) -> str:
    """A prompt for the scripted agent."""
    return "script:" + json.dumps(steps)


def deltas(count: int, per_second: float = 0) -> dict[str, Any]:
    return {"deltas": {"count": count, "bytes": 24, "per_second": per_second}}


class Watch:
    """One observer of one session, from its start, over every reconnect."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.events: list[Event] = []
        self._moved = anyio.Event()

    async def follow(self) -> None:
        """Until cancelled, or the session is ended or deleted."""
        async with aclosing(self.session.events()) as events:
            async for event in events:
                self.events.append(event)
                self._moved.set()
                self._moved = anyio.Event()

    async def until(self, wanted: str | Test, *, after: int = 0, seconds: float = 30.0) -> Event:
        """The first event with seq > `after` that is of this type, or passes this test."""
        test: Test = (lambda event: event.type == wanted) if isinstance(wanted, str) else wanted
        looked = after
        with anyio.move_on_after(seconds):
            while True:
                moved = self._moved
                while looked < len(self.events):
                    event = self.events[looked]
                    looked += 1
                    if test(event):
                        return event
                await moved.wait()
        raise AssertionError(f"no {wanted} after {after} in {seconds:g} s; last: {outline(self.events[-12:])}")

    async def end_of(self, run: str | object, *, seconds: float = 30.0) -> Event:
        """The end of this run, whatever it is."""
        return await self.until(lambda e: e.run == run and is_end(e), seconds=seconds)

    async def deltas(self, count: int, *, seconds: float = 30.0) -> None:
        """Wait until this many text deltas were seen in all."""

        left = count

        def enough(event: Event) -> bool:
            nonlocal left
            left -= isinstance(event.body, TextDelta)
            return left <= 0

        await self.until(enough, seconds=seconds)

    def types(self) -> list[str]:
        return [event.type for event in self.events]


@asynccontextmanager
async def watching(*sessions: AsyncSession) -> AsyncGenerator[list[Watch]]:
    """An observer for each; at the end, each must have seen 1, 2, 3, ... without a hole or a repeat."""
    watches = [Watch(session) for session in sessions]
    async with anyio.create_task_group() as tasks:
        for watch in watches:
            tasks.start_soon(watch.follow)
        yield watches
        tasks.cancel_scope.cancel()
    for watch in watches:
        check_order(watch.events)


async def whole_log(session: AsyncSession) -> list[Event]:
    """Everything the hub holds of this session now."""
    events: list[Event] = []
    while True:
        page = await session.read(after=events[-1].seq if events else 0, limit=5000)
        events += page.events
        if not events or events[-1].seq >= page.head:
            return events


def is_end(event: Event) -> bool:
    return isinstance(event.body, RunComplete | RunError | RunAborted)


def numbers(events: Iterable[Event], run: object) -> list[int]:
    """The numbers that the scripted deltas of this run carry, as they stand in the log."""
    return [int(e.body.delta[:8]) for e in events if e.run == run and isinstance(e.body, TextDelta)]


def outline(events: Sequence[Event]) -> list[str]:
    return [f"{event.seq} {event.type}" for event in events]


def check_order(events: Sequence[Event]) -> None:
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def check_same(seen: Sequence[Event], log: Sequence[Event]) -> None:
    """What an observer saw is what the log holds, byte for byte, from the start."""
    check_order(seen)
    assert [encode_event(event) for event in seen] == [encode_event(event) for event in log[: len(seen)]]


def check_log(log: Sequence[Event], *, native: int = 0) -> dict[str, Event]:
    """A log at rest: no hole, runs one after the other, each with exactly one end. The end of each run by its id."""
    check_order(log)
    ends: dict[str, Event] = {}
    opened: str | None = None
    for event in log:
        run = None if event.run is UNSET else str(event.run)
        if isinstance(event.body, RunStart):
            assert opened is None and run is not None and run not in ends, outline(log)
            opened = run
        elif is_end(event):
            assert run is not None and run == opened, f"{event.seq} {event.type}: {outline(log)}"
            ends[run], opened = event, None
    assert opened is None, f"run {opened} has no end: {outline(log[-12:])}"
    kept = [event for event in log if event.type == "native"]
    assert len(kept) == native, kept
    return ends
