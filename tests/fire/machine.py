"""Observers who come and go in any order, as a Hypothesis state machine over whatever can be followed."""

from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import aclosing
from typing import ClassVar

import anyio
import hypothesis.strategies as st
from anyio.from_thread import BlockingPortal
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)  # fmt: skip

Source = Callable[[str, int], AsyncGenerator[tuple[int, bytes]]]
"""Follows a session after a cursor: seq and content of each event, live, for ever."""
CATCH_UP_SECONDS = 30.0
MOST_SESSIONS = 3
MOST_OBSERVERS = 12


class Observer:
    """Has seen a session from its start to where it is, over any number of connections."""

    def __init__(self, session: str, source: Source, portal: BlockingPortal) -> None:
        self.session = session
        self.seen: list[bytes] = []
        self._source = source
        self._portal = portal
        self._scope: anyio.CancelScope | None = None
        self._task: Future[None] | None = None
        self._over = False
        """It follows no more: cancelled, or something went wrong, which `disconnect` tells."""
        self._moved: anyio.Event

    @property
    def is_connected(self) -> bool:
        return self._task is not None

    def connect(self, after: int) -> None:
        self.disconnect()
        self._scope = self._portal.call(anyio.CancelScope)
        self._moved = self._portal.call(anyio.Event)
        self._over = False
        self._task = self._portal.start_task_soon(self._follow, after, self._scope)

    def disconnect(self) -> None:
        """Raises whatever went wrong since `connect`."""
        if self._scope is not None and self._task is not None:
            self._portal.call(self._scope.cancel)
            self._task.result(CATCH_UP_SECONDS)
            self._scope = self._task = None

    def catch_up(self, head: int) -> None:
        """If it is connected, it has everything soon."""
        if self._task is not None:
            self._portal.call(self._wait, head)

    async def _wait(self, head: int) -> None:
        with anyio.fail_after(CATCH_UP_SECONDS):
            while len(self.seen) < head and not self._over:
                await self._moved.wait()

    async def _follow(self, after: int, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                async with aclosing(self._source(self.session, after)) as events:
                    async for seq, content in events:
                        after += 1
                        self._see(seq, after, content)
            finally:
                self._over = True
                self._ring()

    def _see(self, seq: int, expected: int, content: bytes) -> None:
        assert seq == expected, f"event {seq} came where {expected} should"
        if seq <= len(self.seen):
            assert content == self.seen[seq - 1], f"event {seq} is not what it was"
        else:
            self.seen.append(content)
            self._ring()

    def _ring(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()


class Observed(RuleBasedStateMachine):
    """Sessions that somebody writes to while observers come and go. A subclass says how; its rules add what befalls
    the hub."""

    portal: ClassVar[BlockingPortal]
    sessions = Bundle("sessions")
    observers = Bundle("observers")

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []
        self.present: list[Observer] = []

    # --- what a subclass brings; all of it runs on the portal's event loop ---

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def new_session(self) -> str:
        raise NotImplementedError

    async def head(self, session: str) -> int:
        """The last seq, once nothing more will be written."""
        raise NotImplementedError

    def source(self, session: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        raise NotImplementedError

    # --- rules ---

    @initialize(target=sessions)
    def begin(self) -> str:
        self.portal.call(self.open)
        return self._made()

    @precondition(lambda self: len(self.made) < MOST_SESSIONS)
    @rule(target=sessions)
    def create(self) -> str:
        return self._made()

    @precondition(lambda self: len(self.present) < MOST_OBSERVERS)
    @rule(target=observers, session=sessions)
    def observe(self, session: str) -> Observer:
        observer = Observer(session, self.source, self.portal)
        self.present.append(observer)
        observer.connect(0)
        return observer

    @rule(observer=observers)
    def disconnect(self, observer: Observer) -> None:
        observer.disconnect()

    @rule(observer=observers, back=st.floats(0, 1))
    def reconnect(self, observer: Observer, back: float) -> None:
        """With any cursor that it has seen."""
        observer.disconnect()
        observer.connect(round(len(observer.seen) * back))

    @rule(observer=consumes(observers))
    def leave(self, observer: Observer) -> None:
        observer.disconnect()
        self.present.remove(observer)

    @rule()
    def look(self) -> None:
        """Whoever is connected has everything soon."""
        heads = {session: self.portal.call(self.head, session) for session in self.made}
        for observer in self.present:
            observer.catch_up(heads[observer.session])

    def teardown(self) -> None:
        if not self.made:
            return
        try:
            heads = {session: self.portal.call(self.head, session) for session in self.made}
            for observer in self.present:
                observer.disconnect()
                observer.connect(len(observer.seen))
                observer.catch_up(heads[observer.session])
                observer.disconnect()
                assert len(observer.seen) == heads[observer.session]
        finally:
            self.portal.call(self.close)

    def _made(self) -> str:
        session = self.portal.call(self.new_session)
        self.made.append(session)
        return session


def run(machine: type[Observed], number: int, *, examples: int, steps: int) -> None:
    """Run it with this seed. Failures are not made shorter: what they take is time, and they may not come again."""
    options = settings(
        max_examples=examples,
        stateful_step_count=steps,
        phases=set(Phase) - {Phase.shrink, Phase.explain},
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        database=None,
    )
    run_state_machine_as_test(seed(number)(machine), settings=options)
