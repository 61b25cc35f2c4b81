"""What passes between a session and its agent beside its runs."""

import json
from pathlib import Path

from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model.envelope import encode_body
from roost.model.events import MAX_STATE_BYTES, AgentState
from roost.testing import HubProcess
from tests.behaviour.conftest import Mark, script, stands, until, until_file


async def configured(session: AsyncSession) -> dict[str, object]:
    """How the agent says that it is."""
    return json.loads((await session.send(script({"config": True}))).text)


async def recalled(session: AsyncSession) -> str:
    """What the agent knows of what was before."""
    return (await session.send(script({"recall": True}))).text


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


async def test_an_agent_that_starts_again_has_its_notes_and_its_log(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session(task=script({"remember": "blue"}))
    await until(session, "run-complete")
    await session.pause()
    await mark()
    assert await recalled(session) == "1 runs before; blue"
    await session.send(script({"remember": "green"}))
    await session.pause()
    assert await recalled(session) == "3 runs before; blue, green"


async def test_an_agent_whose_hub_and_host_are_killed_goes_on_from_what_it_kept(
    hub: HubProcess, client: AsyncClient, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    session = await client.create_session(task=script({"remember": "blue"}))
    await until(session, "run-complete")
    await session.start(script(until_file(gone), {"crash": True}))
    await until(session, "tool-start")
    await hub.kill()
    gone.touch()
    await hub.start()
    await until(session, "session-paused")
    assert await recalled(session) == "2 runs before; blue"


async def test_an_agent_that_reads_its_log_waits_for_a_hub_that_is_away(
    hub: HubProcess, client: AsyncClient, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    session = await client.create_session(task=script(until_file(gone), {"remember": "kept"}, {"recall": True}))
    await until(session, "tool-start")
    await hub.kill()
    gone.touch()
    await hub.start()
    await until(session, "run-complete")
    assert (await session.messages())[-1].text == "0 runs before; kept"
    await session.pause()
    assert await recalled(session) == "1 runs before; kept"


async def test_what_is_kept_has_its_limit(client: AsyncClient) -> None:
    session = await client.create_session()
    room = MAX_STATE_BYTES - len(encode_body(AgentState(state={"notes": [""]})))
    refused = await session.send(script({"remember": "x" * (room + 1)}))
    assert refused.error and refused.error.code == "body_too_large"
    assert (await session.send(script({"remember": "x" * room}))).error is UNSET
    assert await recalled(session) == f"2 runs before; {'x' * room}"


async def test_what_an_agent_can_do_is_shown_while_it_is_there(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session(task="hello")
    await until(session, "run-complete")
    assert (await session.info()).capabilities == {"steer": True, "questions": True}
    await mark()
    await session.send("hello")
    assert (await session.info()).capabilities == {"steer": True, "questions": True}
    await session.pause()
    assert (await session.info()).capabilities == {}
