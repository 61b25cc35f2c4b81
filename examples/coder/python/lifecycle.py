"""Create a session, read it back, and print where in its life it is."""

import asyncio

from roost.client import AsyncClient


async def main() -> None:
    async with AsyncClient() as client:  # the hub of this machine, or ROOST_URL and ROOST_API_KEY
        print("hub:", client.address.url)
        session = await client.create_session(task="Say hello", tags=["example", "hello"])
        info = await session.info()
        print("session:", info.session, info.label, info.tags)
        print("lifecycle:", info.view)


asyncio.run(main())
