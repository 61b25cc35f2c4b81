"""One call in the workspace of one session."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from roost.cli.options import Data, Url

if TYPE_CHECKING:
    from roost.client import AsyncSession

T = TypeVar("T")
Wake = Annotated[bool, typer.Option("--wake", help="Wake the session if it sleeps.")]


async def within(name: str, act: "Callable[[AsyncSession], Awaitable[T]]", *, going_on: str, url: Url, data: Data) -> T:
    """What `act` gives for this session."""
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import progress

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        with progress(going_on):
            return await act(session)
