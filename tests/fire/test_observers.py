"""Any interleaving of append, observe, disconnect, reconnect with any cursor and hub restart, against real hub
processes over HTTP: every observer sees 1, 2, 3, ... without a hole or a repeat."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar

import anyio
import hypothesis.strategies as st
import pytest
from anyio import to_thread
from anyio.from_thread import BlockingPortal
from hypothesis.stateful import precondition, rule

from roost.client import AsyncClient
from roost.model.envelope import encode_event
from tests.fire.hubs import Fire, Hub
from tests.fire.machine import Observed, Observer, run
from tests.fire.watch import check_log, deltas, script, whole_log

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

MOST_RESTARTS = 3
"""In one example: each takes most of a second."""
IDLE_SECONDS = 60.0


class HubUnderFire(Observed):
    """Sessions at work in a hub that is stopped or killed, while observers come and go."""

    hub: ClassVar[Hub]
    client: ClassVar[AsyncClient]

    def __init__(self) -> None:
        super().__init__()
        self.restarts = 0

    async def close(self) -> None:
        for session in self.made:
            check_log(await whole_log(self.client.session(session)))
            await self.client.delete_session(session, force=True)

    async def new_session(self) -> str:
        return (await self.client.create_session(task=script(deltas(5)))).id

    async def head(self, session: str) -> int:
        with anyio.fail_after(IDLE_SECONDS):
            return (await self.client.session(session).wait_idle()).seq

    async def source(self, session: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        async with aclosing(self.client.session(session).events(after=after)) as events:
            async for event in events:
                yield event.seq, encode_event(event)

    @rule(session=Observed.sessions, count=st.integers(0, 60), per_second=st.sampled_from([0, 50, 200]))
    def send(self, session: str, count: int, per_second: int) -> None:
        self.portal.call(self._send, session, script(deltas(count, per_second)))

    async def _send(self, session: str, text: str) -> None:
        await self.client.session(session).start(text, delivery="queue")

    @rule(observer=Observed.observers, times=st.integers(2, 5))
    def come_and_go(self, observer: Observer, times: int) -> None:
        for _ in range(times):
            observer.connect(len(observer.seen))

    @precondition(lambda self: self.restarts < MOST_RESTARTS)
    @rule()
    def kill(self) -> None:
        self.restarts += 1
        self.portal.call(self.hub.restart)

    @precondition(lambda self: self.restarts < MOST_RESTARTS)
    @rule()
    def stop_and_start(self) -> None:
        self.restarts += 1
        assert self.portal.call(self.hub.terminate) == 0
        self.portal.call(self.hub.start)


async def observe(fire: Fire, number: int, *, examples: int, steps: int) -> None:
    HubUnderFire.hub = await fire.hub()
    async with HubUnderFire.hub.client() as HubUnderFire.client, BlockingPortal() as HubUnderFire.portal:
        await to_thread.run_sync(lambda: run(HubUnderFire, number, examples=examples, steps=steps))


@pytest.mark.timeout(120)
async def test_every_observer_of_a_hub_that_is_killed_again_and_again_sees_one_to_n(fire: Fire, seed: int) -> None:
    await observe(fire, seed, examples=4, steps=30)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_every_observer_of_a_hub_that_is_killed_hundreds_of_times_sees_one_to_n(fire: Fire, seed: int) -> None:
    await observe(fire, seed, examples=120, steps=50)
