"""A module of an app: each pull request of its users gets a session, which it finds again by its metadata."""

import asyncio

from msgspec import UNSET

from roost.client import AsyncClient


async def start_review(client: AsyncClient, number: int, title: str, token: str) -> str:
    """Starts a review. `token` reaches the agent as an environment variable, and is never served again."""
    session = await client.create_session(
        task=f"Review pull request {number}: {title}",
        label=f"Review #{number}",
        metadata={"app": "reviews", "pullRequest": number},
        env={"REVIEW_TOKEN": token},
    )
    return session.id


async def pull_request_of(client: AsyncClient, session: str) -> object:
    metadata = (await client.get_session(session)).metadata
    return None if metadata is UNSET else metadata.get("pullRequest")


async def main() -> None:
    async with AsyncClient() as client:
        session = await start_review(client, 7, "Faster lists", token="secret")
        print(session, "reviews pull request", await pull_request_of(client, session))


if __name__ == "__main__":
    asyncio.run(main())
