"""Retag a session, show it to the organisation, add to its metadata; then archive it, or delete it."""

import asyncio
import sys

from roost.client import AsyncClient


async def main(session_id: str, end: str) -> None:
    async with AsyncClient() as client:
        session = client.session(session_id)
        await session.update(tags=["reviewed"], visibility="organization", metadata={"reviewedBy": "anna"})
        info = await session.info()
        print(info.tags, info.visibility, info.metadata)  # other keys of the metadata stay as they are
        if end == "delete":
            await session.delete()
            print("deleted")
        else:
            await session.archive()
            print((await session.info()).view.status)


asyncio.run(main(sys.argv[1], sys.argv[2]))
