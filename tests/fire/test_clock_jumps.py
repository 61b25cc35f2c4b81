"""The wall clock of a hub, its hosts and all they start jumps in mid-run. What is promised for a time of day
(deadlines, idleness, the day for which a key is known) goes by that clock, also over a restart; the order of the log
goes by `seq`, and every other wait by a clock that does not jump."""

import pytest

from roost.model.errors import PermissionNotFound
from roost.model.events import PauseRequested, PermissionReplied
from tests.fire.clocks import WallClock
from tests.fire.hubs import ROOST, Fire, Hub
from tests.fire.watch import check_log, deltas, numbers, script, watching

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

HOUR = 3600
DAY = 24 * HOUR
COUNT = 20
ASK = {"ask": {"permission": "write", "patterns": ["*"]}}
WAIT = {"bash": {"command": "until [ -e go ]; do sleep 0.05; done"}}


async def clocked(fire: Fire) -> tuple[WallClock, Hub]:
    clock = await fire.wall_clock()
    return clock, await fire.hub(command=[*clock.enter, *ROOST])


async def test_a_day_ahead_all_that_waits_for_a_time_of_day_is_due_and_nothing_else_happens(fire: Fire) -> None:
    clock, hub = await clocked(fire)
    folder = fire.workspace()
    async with hub.client() as client:
        idle = await client.create_session(timeouts={"idle": "1h"})
        asks = await client.create_session(task=script(ASK), policy={"deadline": "2h", "action": "allow"})
        works = await client.create_session(task=script(deltas(COUNT), WAIT), workspace=folder)
        async with watching(idle, asks, works) as (rests, asked, works_on):
            first = await idle.start("once a day", key="a key")
            await rests.until("run-complete")
            await asked.until("permission-asked")
            await works_on.deltas(COUNT)
            host = hub.host(works)
            clock.jump(DAY)
            (folder / "go").touch()
            end = await works_on.until("run-complete")
            answer = await asked.until("permission-replied")
            assert isinstance(answer.body, PermissionReplied)
            assert (answer.body.reply, answer.body.why) == ("once", "deadline")
            await asked.until("run-complete", after=answer.seq)
            asleep = await rests.until("pause-requested")
            assert isinstance(asleep.body, PauseRequested) and asleep.body.reason == "idle"
            assert asleep.at - rests.events[first.seq - 1].at >= DAY * 1000
            await rests.until("session-paused")
            assert hub.host(works) == host and numbers(works_on.events, end.run) == list(range(COUNT))
            again = await idle.start("once a day", key="a key")
            assert again.run != first.run, "a key is known for 24 hours"
            await rests.until("run-complete", after=again.seq)
        assert not {"runtime-lost", "run-error", "run-aborted"} & {*rests.types(), *asked.types(), *works_on.types()}
        for watch in (rests, asked, works_on):
            check_log(watch.events)


async def test_an_hour_back_nothing_is_due_or_stuck_and_the_order_is_by_seq(fire: Fire) -> None:
    clock, hub = await clocked(fire)
    clock.jump(DAY)
    folder = fire.workspace()
    async with hub.client() as client:
        asks = await client.create_session(task=script(ASK), policy={"deadline": "10m"})
        works = await client.create_session(task=script(deltas(COUNT), WAIT), workspace=folder)
        async with watching(asks, works) as (asked, works_on):
            await asked.until("permission-asked")
            await works_on.deltas(COUNT)
            queued = await works.start("and then?", delivery="queue", key="a key")
            host = hub.host(works)
            clock.jump(DAY - HOUR)
            assert await works.start("and then?", delivery="queue", key="a key") == queued
            await hub.restart()
            assert await works.start("and then?", delivery="queue", key="a key") == queued
            (folder / "go").touch()
            first = await works_on.until("run-complete")
            last = await works_on.until("run-complete", after=first.seq)
            assert last.at < works_on.events[0].at, "earlier than it began, by the clock"
            assert hub.host(works) == host and numbers(works_on.events, first.run) == list(range(COUNT))
            (pending,) = await asks.pending()
            await asks.reply_to_permission(pending.request, "once")
            await asked.until("run-complete")
            with pytest.raises(PermissionNotFound):
                await asks.reply_to_permission(pending.request, "reject")
        seen = {*asked.types(), *works_on.types()}
        assert not {"session-paused", "runtime-lost", "run-error", "run-aborted"} & seen
        assert len(check_log(works_on.events)) == 2 and len(check_log(asked.events)) == 1
