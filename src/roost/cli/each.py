"""Doing one thing to each of several sessions."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from roost.cli import codes
from roost.cli.options import Data, Url
from roost.cli.terminal import print_struct, progress

if TYPE_CHECKING:
    from roost.client import AsyncSession


async def for_each(
    names: Sequence[str],
    act: "Callable[[AsyncSession], Awaitable[object]]",
    *,
    going_on: str,
    done: str,
    as_json: bool,
    url: Url,
    data: Data,
) -> int:
    """In order, stopping at the first that fails. Every name is looked up before anything is done."""
    from roost.cli.hub import find_session, open_client
    from roost.model.ids import short_id

    async with open_client(url, data) as client:
        sessions = [await find_session(client, name) for name in names]
        for session in sessions:
            with progress(f"{going_on} {short_id(session.id)}"):
                answer = await act(session)
            if as_json:
                print_struct(answer)
            else:
                print(f"{short_id(session.id)} {done}")
    return codes.OK
