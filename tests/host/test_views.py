"""How many terminals look at a screen."""

import anyio
import pytest

from roost.host.views import Views
from roost.model.errors import HostBusy
from roost.model.screens import MAX_VIEWS
from roost.ports import View


async def test_so_many_terminals_look_at_a_screen_also_while_they_are_opened() -> None:
    views, opening, go = Views(), 0, anyio.Event()

    async def fail() -> View:
        nonlocal opening
        opening += 1
        await go.wait()
        raise OSError("no terminal is left")

    async def add() -> None:
        with pytest.raises(OSError, match="no terminal"):
            await views.add(fail)

    async with anyio.create_task_group() as tasks:
        for _ in range(MAX_VIEWS):
            tasks.start_soon(add)
        await anyio.wait_all_tasks_blocked()
        assert opening == MAX_VIEWS
        with pytest.raises(HostBusy) as refused, anyio.fail_after(10):
            await views.add(fail)
        assert (opening, refused.value.details["limit"]) == (MAX_VIEWS, MAX_VIEWS)
        go.set()
    await add()  # what could not be opened has left its place
