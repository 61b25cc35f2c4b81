"""Get a session ready to attach to, waking it if need be, and say what can be done with it."""

import asyncio
import sys

from roost.client import AsyncClient
from roost.model.lifecycle import View

WAKING_SECONDS = 30


async def prepared(client: AsyncClient, session_id: str) -> View:
    """What it is, once it is awake; what it still is when that takes longer than half a minute."""
    session = client.session(session_id)
    view = (await session.info()).view
    if view.wake_available and not view.runtime_available:
        await session.resume()
        try:
            async with asyncio.timeout(WAKING_SECONDS):
                while not (view.runtime_available or view.history_only):
                    await asyncio.sleep(0.2)
                    view = (await session.info()).view
        except TimeoutError:
            pass
    return view


async def main(session_id: str) -> None:
    async with AsyncClient() as client:
        view = await prepared(client, session_id)
    if view.history_only:
        print("history: it can be read, and not attached to")
    elif view.runtime_available:
        print("attach: its agent is there")
    else:
        print("not yet:", view.status)


asyncio.run(main(sys.argv[1]))
