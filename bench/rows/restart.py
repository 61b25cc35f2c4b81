"""SIGKILL and restart of a hub under load: does anybody miss an event, or get one twice?"""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread

from bench.bench import Bench
from bench.hub import PATIENCE_SECONDS, Hub
from bench.script import deltas
from bench.table import Row, Spread
from roost.client import AsyncClient
from roost.model.events import TextDelta
from roost.model.lifecycle import RUN_ENDS

AWAY_SECONDS = 0.3
"""Between a hub's death and the start of the next."""


def measure(bench: Bench) -> list[Row]:
    sizes = bench.sizes
    details: list[dict[str, Any]] = []
    for run in range(sizes.runs):
        bench.say(f"{sizes.kills} times kill -9, {sizes.kill_sessions} busy sessions, run {run + 1} of {sizes.runs}")
        details.append(anyio.run(_run, bench))
    return [
        Row(
            name="restart",
            what=f"events lost or doubled over {sizes.kills} x kill -9 of the hub, {sizes.kill_sessions} busy sessions",
            unit="events",
            measured=Spread.of([run["lost"] + run["doubled"] for run in details]),
            better="less",
            goal=0.0,
            details={"runs": details},
        )
    ]


async def _run(bench: Bench) -> dict[str, Any]:
    """Every session writes numbered deltas while the hub is killed; an observer follows each from the start to its end,
    over the restarts, and another one reads it all again at the end."""
    sizes = bench.sizes
    data = bench.fresh("restart") / "data"
    start = partial(Hub, data)
    hub = await to_thread.run_sync(start)
    hubs = [hub]
    seen: dict[str, list[int]] = {}
    try:
        prompt = deltas(sizes.kill_events, per_second=sizes.kill_per_second)
        sessions = [hub.create(prompt) for _ in range(sizes.kill_sessions)]
        pause = sizes.kill_events / sizes.kill_per_second / (sizes.kills + 1)
        with anyio.fail_after(PATIENCE_SECONDS + (sizes.kills + 1) * pause):
            async with anyio.create_task_group() as tasks:
                for session in sessions:
                    tasks.start_soon(_follow, data, session, seen)
                for _ in range(sizes.kills):
                    await anyio.sleep(pause)
                    hubs[-1].kill()
                    await anyio.sleep(AWAY_SECONDS)
                    hubs.append(await to_thread.run_sync(start))
        again: dict[str, list[int]] = {}
        for session in sessions:
            await _follow(data, session, again)
    finally:
        for one in hubs:
            one.close()
    found = [_count(numbers, sizes.kill_events) for numbers in (*seen.values(), *again.values())]
    return {
        "events": sizes.kill_sessions * sizes.kill_events,
        "readings": len(found),
        "lost": sum(lost for lost, _ in found),
        "doubled": sum(doubled for _, doubled in found),
        "back_after_seconds": [one.start_seconds for one in hubs[1:]],
    }


async def _follow(data: Path, session: str, seen: dict[str, list[int]]) -> None:
    """The number of every delta, in the order in which they come, until the run has ended."""
    numbers = seen.setdefault(session, [])
    async with AsyncClient(data=data) as client:
        async for event in client.session(session).events():
            if isinstance(event.body, TextDelta):
                numbers.append(int(event.body.delta[:8]))
            elif isinstance(event.body, RUN_ENDS):
                return


def _count(numbers: list[int], expected: int) -> tuple[int, int]:
    """How many are missing, and how many came more than once or out of order."""
    times = Counter(numbers)
    lost = sum(number not in times for number in range(expected))
    doubled = sum(times.values()) - len(times)
    return lost, doubled + (numbers != sorted(numbers))
