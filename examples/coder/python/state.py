"""All that is known of a session, asked at once."""

import asyncio
import sys

from roost.client import AsyncClient


async def main(session_id: str) -> None:
    async with AsyncClient() as client:
        session = client.session(session_id)
        info, snapshot, page = await asyncio.gather(session.info(), session.snapshot(), session.read(limit=100))
        print(info.label, info.view.status)
        print("events:", len(page.events), "of", info.seq)
        for message in snapshot.messages:
            print(f"{message.info.role}:", message.text)


asyncio.run(main(sys.argv[1]))
