"""`roost attach`: all of a session so far, then live."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.client import AsyncSession
    from roost.model.envelope import Event
    from roost.model.info import SessionInfo

OVER: Final = ("archived", "failed", "ended")
"""Phases in which nothing more will be said, and below, how each begins."""
ENDS: Final = ("session-archived", "session-failed", "session-ended")


def attach(
    session: OneSession,
    after: Annotated[int, typer.Option("--after", metavar="SEQ", min=0, help="Show what comes after this event.")] = 0,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Any number of people may watch. Ctrl-C leaves and stops nothing. Ends by itself when the session is archived.
    With --json: the events as the wire carries them."""
    import anyio

    return anyio.run(_attach, session, after, as_json, url, data)


async def _attach(name: str, after: int, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.following import follow, watch_of
    from roost.cli.hub import find_session, open_client

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        info = await session.info()
        if info.phase in OVER and after >= info.seq:
            return 0
        return await follow(watch_of(session, as_json=as_json), _events(session, after, info))


async def _events(session: "AsyncSession", after: int, info: "SessionInfo") -> AsyncGenerator["Event"]:
    """Events until the session is over; if it was over already, all there are."""
    async with aclosing(session.events(after=after)) as events:
        async for event in events:
            yield event
            over = event.seq >= info.seq if info.phase in OVER else event.type in ENDS
            if over:
                return
