"""`roost acp`: Roost as an agent of the Agent Client Protocol, for an editor that starts it."""

from importlib import import_module
from typing import Annotated, Any, Final

import typer

from roost.cli import codes
from roost.cli.options import Data, Url

FACE: Final = "roost.editor.face"
"""By name: the library of the protocol is imported by no other command."""
AWAY_SECONDS: Final = 24 * 3600.0
"""How long a hub may be away before an editor is told: restarts, and the laptop's night."""


def acp(
    agent: Annotated[str | None, typer.Option("--agent", help="The agent of new sessions; else the hub's.")] = None,
    worktree: Annotated[
        bool, typer.Option("--worktree", help="New sessions get a worktree of their own, not the folder itself.")
    ] = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """For the settings of an editor (docs/howto/use-from-an-editor.md), not for people: it speaks JSON on its standard
    input and output, without --json, too. Starts a hub in the background if none runs on this machine. When the editor
    goes, its sessions go on, and are found again: here, in another editor, by `roost ls`."""
    import logging
    import sys

    import anyio

    from roost.cli.background import ensure_hub, hub_answers
    from roost.cli.config import read_settings
    from roost.cli.hub import is_remote

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="roost acp: %(message)s")
    settings = read_settings({"data": str(data) if data else None})
    if not is_remote(url, data) and not hub_answers(settings):
        ensure_hub(settings)
    face: Any = import_module(FACE)
    manner = face.Manner(agent=agent or settings.agent, worktree=worktree)
    anyio.run(_serve, face, url, data, manner, backend_options={"use_uvloop": sys.platform != "win32"})
    return codes.OK


async def _serve(face: Any, url: Url, data: Data, manner: Any) -> None:
    from roost.cli.hub import is_remote, open_client

    if is_remote(url, data):
        await _tell_if_away(url, data)
    async with open_client(url, data, away_seconds=AWAY_SECONDS) as client:
        await face.serve(client, await face.open_pipe(), manner)


async def _tell_if_away(url: Url, data: Data) -> None:
    """Where no hub is, an editor that waits would not know for what."""
    import logging

    from roost.cli.hub import open_client
    from roost.model.errors import HubUnreachable

    async with open_client(url, data) as client:
        try:
            await client.ready()
        except HubUnreachable as error:
            logging.getLogger(__name__).warning("%s It is waited for.", error.message)
