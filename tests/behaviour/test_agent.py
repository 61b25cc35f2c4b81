"""What passes between a session and its agent beside its runs."""

import json

from roost.client import AsyncClient, AsyncSession
from tests.behaviour.conftest import Mark, script, stands


async def configured(session: AsyncSession) -> dict[str, object]:
    """How the agent says that it is."""
    return json.loads((await session.send(script({"config": True}))).text)


async def test_an_agent_is_told_of_every_change_before_the_next_run(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session(model="small")
    await session.configure(mode="plan", options={"x": 1})
    assert await configured(session) == {"model": "small", "mode": "plan", "x": 1}
    await mark()
    await session.configure(model="large", timeouts={"idle": 0})
    await session.configure(options={"x": 2, "y": 3})
    assert await configured(session) == {"model": "large", "mode": "plan", "x": 2, "y": 3}
    await session.pause()
    await session.configure(mode="build")  # nobody is there to be told
    assert await configured(session) == {"model": "large", "mode": "build", "x": 2, "y": 3}


async def test_an_agent_at_work_is_told_at_once(client: AsyncClient) -> None:
    session = await client.create_session(task=script({"question": "Which?"}, {"config": True}))
    await stands(session, lambda info: info.pending == 1)
    await session.configure(model="larger")
    (entry,) = await session.pending()
    accepted = await session.answer_question(entry.request, [["this"]])
    assert accepted.run
    assert '"model":"larger"' in (await session.result(accepted.run)).text


async def test_what_an_agent_can_do_is_shown_while_it_is_there(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session()
    for _ in range(2):
        await session.send("hello")
        assert (await session.info()).capabilities == {"steer": True, "questions": True}
        await mark()
    await session.pause()
    assert (await session.info()).capabilities == {}
