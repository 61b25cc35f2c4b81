"""What is made once, whoever needs it first."""

import anyio
import pytest

from roost.host.once import Once
from roost.model.errors import WorkspaceInvalid


class Making:
    """Each attempt waits to be let through; the first `failures` fail."""

    def __init__(self, failures: int) -> None:
        self.attempts = 0
        self.go_on = anyio.Event()
        self._failures = failures

    async def __call__(self) -> int:
        self.attempts += 1
        await self.go_on.wait()
        if self.attempts <= self._failures:
            raise WorkspaceInvalid
        return self.attempts


async def test_it_is_made_once_for_all_who_wait() -> None:
    making = Making(failures=0)
    once, got = Once(making), list[int]()

    async def need() -> None:
        got.append(await once())

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(need)
        await anyio.wait_all_tasks_blocked()
        making.go_on.set()
    assert got == [1, 1, 1] and await once() == 1


async def test_all_who_waited_for_an_attempt_that_failed_are_told_and_the_next_tries_again() -> None:
    making = Making(failures=1)
    once, told = Once(making), list[str]()

    async def need() -> None:
        with pytest.raises(WorkspaceInvalid) as caught:
            await once()
        told.append(caught.value.code)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(need)
        await anyio.wait_all_tasks_blocked()
        making.go_on.set()
    assert told == ["workspace_invalid"] * 3 and making.attempts == 1
    assert await once() == 2


async def test_when_the_one_who_makes_it_is_cancelled_another_goes_on() -> None:
    making = Making(failures=0)
    once = Once(making)
    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as makers:
                makers.start_soon(once)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(once)
                await anyio.wait_all_tasks_blocked()
                first.cancel()
        making.go_on.set()
    assert await once() == 2
