"""Finding the hub and the session that a command line means."""

import os
from pathlib import Path

from roost.cli.config import read_settings
from roost.cli.problems import IdAmbiguous
from roost.client import AsyncClient, AsyncSession
from roost.client.address import Finder
from roost.model.errors import HubUnreachable, SessionNotFound
from roost.model.ids import short_id

SHORT_DIGITS = 12


def open_client(url: str | None, data: Path | None, *, away_seconds: float | None = None) -> AsyncClient:
    """The hub of `--url`, of `--data`, of `ROOST_URL`, or of the data folder that is configured. One that is not there
    is not waited for; one that restarts is: a minute by requests, for so long by streams."""
    if url is None and data is None and not os.environ.get("ROOST_URL"):
        data = Path(read_settings().data)
    if away_seconds is not None:
        return AsyncClient(url, data=data, retry_seconds=60, reconnect_seconds=away_seconds)
    return AsyncClient(url, data=data, connect_seconds=0, retry_seconds=15)


def local_pid(url: str | None, data: Path | None) -> int | None:
    """The process of the hub that a data folder names; None where it is named by its address, or not at all."""
    if is_remote(url, data):
        return None
    try:
        return Finder.of(data=data or read_settings().data).hub_file().pid or None
    except HubUnreachable:
        return None


def is_remote(url: str | None, data: Path | None) -> bool:
    """Whether the command line names a hub by its address: then none is started here."""
    return url is not None or (data is None and bool(os.environ.get("ROOST_URL")))


async def find_session(client: AsyncClient, name: str) -> AsyncSession:
    """By id, by the 12 digits of it, or by as few of the first as are unique.

    Raises: SessionNotFound, IdAmbiguous.
    """
    digits = short_id(name)  # pyright: ignore[reportArgumentType]  # what a person typed
    if len(digits) >= SHORT_DIGITS or not digits:
        return client.session(digits or name)
    known = [short_id(info.session) for info in (await client.list_sessions(hidden=True)).sessions]
    matches = sorted(each for each in known if each.startswith(digits))
    if len(matches) > 1:
        shown = ", ".join(matches[:5]) + (", ..." if len(matches) > 5 else "")
        raise IdAmbiguous(f"{name} may be any of {len(matches)} sessions: {shown}", matches=matches)
    if not matches:
        raise SessionNotFound(f"No session's id begins with {name}.")
    return client.session(matches[0])
