"""A dashboard: every session with its state, the archived ones too, page by page."""

import asyncio
from datetime import UTC, datetime

from roost.client import AsyncClient

LIMIT = 10


async def main() -> None:
    async with AsyncClient() as client:
        offset, total = 0, 1
        while offset < total:
            page = await client.list_sessions(limit=LIMIT, offset=offset)
            for info in page.sessions:
                changed = datetime.fromtimestamp(info.updated_at / 1000, UTC).isoformat()
                print(info.session, info.view.bucket, info.view.status, changed, info.label, sep="\t")
            offset, total = offset + LIMIT, page.total


asyncio.run(main())
