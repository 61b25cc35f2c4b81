"""Whoever makes a long list leaves room for everybody else."""

import anyio
from anyio.lowlevel import checkpoint

from roost.core.steps import STEP_ITEMS, in_steps


async def test_between_two_steps_of_a_long_list_others_have_a_turn() -> None:
    count = 3 * STEP_ITEMS + 1
    made: list[int] = []
    seen: set[int] = set()

    def make(number: int) -> int:
        made.append(number)
        return -number

    async def other() -> None:
        while len(made) < count:
            seen.add(len(made))
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        await checkpoint()
        assert await in_steps(make, range(count)) == [-number for number in range(count)]
    assert seen >= {STEP_ITEMS, 2 * STEP_ITEMS, 3 * STEP_ITEMS}


async def test_of_nothing_nothing_is_made() -> None:
    assert await in_steps(str, []) == []
