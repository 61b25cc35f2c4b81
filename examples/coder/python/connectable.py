"""The sessions a person can connect to now: those that are live, and those that can be woken."""

import asyncio

from roost.client import AsyncClient


async def main() -> None:
    async with AsyncClient() as client:
        page = await client.list_sessions(bucket=["running", "paused"], limit=10)
        print(page.total, "to connect to")
        for info in page.sessions:
            print(info.session, info.view.bucket, info.label)


asyncio.run(main())
