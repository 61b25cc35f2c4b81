"""What a person in front of a client does: ask again until it is so."""

from collections.abc import Callable
from typing import Any

import anyio

from tests.interop.coder.published import SECONDS, Json, Published

EVERY_SECONDS = 0.05


async def once(sdk: Published, method: str, *args: Any, so: Callable[[Json], bool]) -> Json:
    """The answer of the client, as soon as it is so. Raises: TimeoutError, with what it was instead."""
    answer: Json = {}
    with anyio.move_on_after(SECONDS):
        while True:
            answer = await sdk.call(method, *args)
            if so(answer):
                return answer
            await anyio.sleep(EVERY_SECONDS)
    raise TimeoutError(f"{method} did not become so: {answer}")


async def session_when(sdk: Published, session: str, **wanted: Any) -> Json:
    """The session's detail, as soon as these fields are so."""
    return await once(
        sdk, "getSession", session, so=lambda detail: all(detail.get(name) == value for name, value in wanted.items())
    )


async def idle(sdk: Published, session: str) -> Json:
    """Its detail, once the agent has done what it was told."""

    def rests(detail: Json) -> bool:
        states = {activity["status"] for activity in detail["agentActivity"].values()}
        return bool(states) and states <= {"idle", "completed"} and detail["bucket"] == "running"

    return await once(sdk, "getSession", session, so=rests)
