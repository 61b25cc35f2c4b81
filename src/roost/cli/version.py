"""`roost version`."""

import platform

from roost import __version__
from roost.cli import codes
from roost.cli.options import Data, Json, Url


def words() -> str:
    """Which Roost this is, on one line."""
    return f"roost {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})"


def version(as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """The hub's version is left out where no hub runs. With --json: `{"roost", "python", "hub"}`."""
    import json

    import anyio

    hub = anyio.run(_hub_version, url, data)
    if as_json:
        told = {"roost": __version__, "python": platform.python_version()} | ({"hub": hub} if hub else {})
        print(json.dumps(told))
    else:
        print(words() + (f"\nhub {hub}" if hub else ""))
    return codes.OK


async def _hub_version(url: Url, data: Data) -> str | None:
    from roost.cli.hub import open_client
    from roost.model.errors import HubUnreachable

    async with open_client(url, data) as client:
        try:
            return (await client.health()).version
        except HubUnreachable:
            return None
