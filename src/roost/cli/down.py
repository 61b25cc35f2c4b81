"""`roost down`: stop the hub, and everything under it."""

import json
from typing import TYPE_CHECKING, Final

from roost.cli import codes
from roost.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from roost.client import AsyncClient

STOP_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05


def down(as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """Returns when the hub is gone. Sessions sleep and wake at the next hub; runs are aborted. Where no hub runs,
    nothing happens. With --json: `{"stopped"}`."""
    import anyio

    return anyio.run(_down, as_json, url, data)


async def _down(as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import local_pid, open_client
    from roost.cli.terminal import progress
    from roost.model.errors import HubUnreachable

    pid = local_pid(url, data)
    async with open_client(url, data) as client:
        try:
            await client.shutdown()
        except HubUnreachable:
            print(json.dumps({"stopped": False}) if as_json else "No hub runs.")
            return codes.OK
        with progress("putting sessions to sleep"):
            await _until_gone(client, pid)
    print(json.dumps({"stopped": True}) if as_json else "The hub is down; its sessions sleep.")
    return codes.OK


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
