"""A process of people and programs that look at a hub and act in it: `python -m tests.fire.chaos.client PLAN`.

On its standard input it is told when to be calm (nobody acts any more), which it confirms on its output, and when to
finish, with the last event of each session: it ends when all its observers have seen that. It may be killed or stopped
at any instant.
"""

import os
import sys
from pathlib import Path
from random import Random
from typing import Any

import anyio
import msgspec
from anyio import to_thread
from msgspec import Struct

from roost.client import AsyncClient
from tests.fire.chaos.history import History, View
from tests.fire.chaos.observers import Observer, Place
from tests.fire.chaos.people import Person

IMPATIENCE: tuple[float, ...] = (0.0, 30.0)
"""Seconds for which people repeat what got no answer: some give up at once, and do not know what became of it."""

CALM_SECONDS = 20.0
"""What people have begun may take so long to come to its end, once nobody begins anything more."""


class Watching(Struct, frozen=True):
    session: str
    view: View


class Plan(Struct, frozen=True, kw_only=True):
    """What one process does. `number`: another one for each process of a history."""

    number: int
    seed: str
    url: str
    key: str
    history: str
    sessions: tuple[str, ...]
    observers: tuple[Watching, ...]
    people: int
    deciders: int

    def watching(self) -> list[tuple[str, Watching]]:
        """Its observers with their names, which no other process uses."""
        return [(f"{one.view}-{self.number}-{number}", one) for number, one in enumerate(self.observers)]


class Finish(Struct, frozen=True):
    """The last seq of each session."""

    heads: dict[str, int]


class Client:
    def __init__(self, plan: Plan, history: History) -> None:
        self._plan, self._history = plan, history
        self._random = Random(plan.seed)
        self._calm = anyio.Event()

    async def run(self) -> None:
        plan, random = self._plan, self._random
        async with AsyncClient(plan.url, plan.key, reconnect_seconds=600) as client:
            observers = [
                Observer(
                    name,
                    Place(plan.url, plan.key, client, watching.session),
                    watching.view,
                    self._history,
                    Random(random.random()),
                )
                for name, watching in plan.watching()
            ]
            async with anyio.create_task_group() as tasks:
                for observer in observers:
                    tasks.start_soon(observer.observe)
                finish = await self._act_until_told()
                for observer in observers:
                    observer.finish(finish.heads[observer.place.session])

    async def _act_until_told(self) -> Finish:
        """Returns when everything has happened that will happen."""
        async with anyio.create_task_group() as tasks:
            for number in range(self._plan.people + self._plan.deciders):
                tasks.start_soon(self._person, number)
            assert await to_thread.run_sync(sys.stdin.readline) == "calm\n"
            self._calm.set()
            tasks.cancel_scope.deadline = anyio.current_time() + CALM_SECONDS
        print("calm", flush=True)
        return msgspec.json.decode(await to_thread.run_sync(sys.stdin.readline), type=Finish)

    async def _person(self, number: int) -> None:
        plan, random = self._plan, Random(f"{self._plan.seed} {number}")
        seconds = random.choice(IMPATIENCE)
        async with AsyncClient(plan.url, plan.key, retry_seconds=seconds, connect_seconds=seconds) as client:
            name = f"person-{plan.number}-{number}"
            person = Person(name, client, plan.sessions, self._history, random, patient=seconds > 0)
            await (person.act if number < plan.people else person.decide)(self._calm)


def main(arguments: list[str]) -> Any:
    plan = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Plan)
    history = History(Path(plan.history), writer=plan.number)
    return anyio.run(Client(plan, history).run, backend_options={"use_uvloop": True})


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # nobody waits for a thread that reads
