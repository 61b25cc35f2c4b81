"""What a person in front of a client does: ask again until it is so."""

from typing import Any

import anyio

from tests.interop.coder.published import SECONDS, Json, Published

EVERY_SECONDS = 0.05


async def session_when(sdk: Published, session: str, **wanted: Any) -> Json:
    """The session's detail, as soon as these fields are so. Raises: TimeoutError, with what they were instead."""
    detail: Json = {}
    with anyio.move_on_after(SECONDS):
        while True:
            detail = await sdk.call("getSession", session)
            if all(detail.get(name) == value for name, value in wanted.items()):
                return detail
            await anyio.sleep(EVERY_SECONDS)
    raise TimeoutError(f"{session} did not become {wanted}: {detail}")


async def idle(sdk: Published, session: str) -> Json:
    """Its detail, once the agent has done what it was told."""
    with anyio.fail_after(SECONDS):
        while True:
            detail = await sdk.call("getSession", session)
            states = [activity["status"] for activity in detail["agentActivity"].values()]
            if states and set(states) <= {"idle", "completed"} and detail["bucket"] == "running":
                return detail
            await anyio.sleep(EVERY_SECONDS)
