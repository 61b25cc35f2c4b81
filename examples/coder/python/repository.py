"""Pick an account and one of its repositories, and pin a session to its default branch."""

import asyncio
import sys

from roost.client import AsyncClient


async def main(account_name: str, full_name: str) -> None:
    async with AsyncClient() as client:
        library = client.library()
        accounts = await library.accounts()  # raises ForgeNotConnected while the hub has no sign-in
        account = next(each for each in accounts.accounts if each.name == account_name)
        found = await library.repositories(account.id)
        repository = next(each for each in found.repositories if each.full_name == full_name)
        session = await client.create_session(
            task="Say what this repository is about",
            workspace={"url": repository.clone_url, "base": repository.default_branch or "HEAD"},
        )
        workspace = (await session.info()).workspace
        print(session.id, "works in", workspace.url, "at", workspace.base)


asyncio.run(main(sys.argv[1], sys.argv[2]))
