"""`roost down`: stop the hub, and everything under it."""

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from roost.cli import codes
from roost.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from roost.cli.terminal import Progress
    from roost.client import AsyncClient

STOP_SECONDS: Final = 60.0
AWAKE: Final = ("creating", "active", "resuming")
_LOOK_SECONDS: Final = 0.05
_COUNT_SECONDS: Final = 0.25


def down(as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """Returns when the hub is gone. Sessions sleep and wake at the next hub; runs are aborted. Where no hub runs,
    nothing happens. With --json: `{"stopped"}`."""
    import anyio

    return anyio.run(_down, as_json, url, data)


async def _down(as_json: bool, url: Url, data: Data) -> int:
    import anyio

    from roost.cli.hub import local_pid, open_client
    from roost.cli.terminal import progress

    pid, stopped = local_pid(url, data), False
    async with open_client(url, data) as client:
        with progress("putting sessions to sleep") as shown:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_count_awake, client, shown)
                stopped = await _stop(client, pid)
                tasks.cancel_scope.cancel()
    if not stopped:
        print(json.dumps({"stopped": False}) if as_json else "No hub runs.")
        return codes.OK
    print(json.dumps({"stopped": True}) if as_json else "The hub is down; its sessions sleep.")
    return codes.OK


async def _stop(client: "AsyncClient", pid: int | None) -> bool:
    """Returns when the hub is gone; False: there was none. Raises: Forbidden, TimedOut."""
    from roost.model.errors import HubUnreachable

    try:
        await client.shutdown()
    except HubUnreachable:
        return False
    await _until_gone(client, pid)
    return True


async def _count_awake(client: "AsyncClient", shown: "Progress") -> None:
    """Say how many sessions are still awake, while the hub answers."""
    import anyio

    from roost.model.errors import RoostError

    with suppress(RoostError):
        while True:
            statuses = (await client.counts(hidden=True)).statuses
            awake = sum(statuses.get(status, 0) for status in AWAKE)
            shown.say(f"putting sessions to sleep: {awake} still awake")
            await anyio.sleep(_COUNT_SECONDS)  # another process: nothing tells when one sleeps


async def _until_gone(client: "AsyncClient", pid: int | None) -> None:
    """Until its process has ended; of a hub elsewhere, until it does not answer. Raises: TimedOut."""
    import anyio

    from roost.model.errors import HubUnreachable, TimedOut
    from roost.processes import birth

    until = anyio.current_time() + STOP_SECONDS
    while anyio.current_time() < until:
        if pid is not None and birth(pid) is None:
            return
        try:
            await client.health()
        except HubUnreachable:
            if pid is None:
                return
        await anyio.sleep(_LOOK_SECONDS)  # it is another process: there is nothing to wait for but time
    raise TimedOut(f"The hub was still there after {STOP_SECONDS:.0f} s.")
