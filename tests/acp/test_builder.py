"""An agent without any tool of ours builds a custom agent: it writes a file, and is told what came of it."""

import json
import shlex

import httpx
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.core.building import builder_of
from roost.model import events as e
from roost.model.library import PROPOSAL_FILE, PROPOSAL_MIME, BuilderAction
from roost.testing import HubProcess
from tests.acp.conftest import script
from tests.behaviour.conftest import until

pytestmark = pytest.mark.process


async def builder(hub: HubProcess, client: AsyncClient) -> AsyncSession:
    key = (hub.data / "api_key").read_text().strip()
    async with httpx.AsyncClient(trust_env=False, timeout=30, headers={"Authorization": f"Bearer {key}"}) as http:
        made = await http.post(f"{hub.url}/api/hub/session/builder", json={"prompt": "hello"})
    session = client.session(made.json()["sessionId"])
    await until(session, "run-complete")
    return session


def writing(action: str, **persona: str) -> str:
    text = json.dumps({"action": action, "persona": persona})
    folder, _, _ = PROPOSAL_FILE.rpartition("/")
    return script({"bash": f"mkdir -p {folder} && printf %s {shlex.quote(text)} > {PROPOSAL_FILE}"})


async def answered(session: AsyncSession, prompt: str) -> BuilderAction:
    """What came of the proposal that the agent writes in this turn."""
    after = (await session.info()).seq
    await session.send(prompt)
    event = await until(session, "session-updated", after=after)
    assert isinstance(event.body, e.SessionUpdated) and event.body.kit is not UNSET
    building = builder_of((await session.snapshot()).record)
    assert building is not None and building.last is not UNSET
    return building.last


async def first_words(session: AsyncSession) -> str:
    """What the agent is told before the words of its user."""
    return "".join((await session.send(script({"blocks": True}))).text or "")


async def test_an_agent_is_told_what_came_of_its_file_and_builds(client: AsyncClient, hub: HubProcess) -> None:
    session = await builder(hub, client)
    refused = await answered(session, writing("create_draft", slug="No Slug", display_name="Built", instructions="x"))
    assert (refused.status, refused.code) == ("failed", "invalid_body")
    told = await first_words(session)
    assert "'create_draft' was refused (invalid_body)" in told and PROPOSAL_FILE in told
    assert "refused" not in await first_words(session), "each outcome once"
    made = await answered(session, writing("create_draft", slug="built", display_name="Built", instructions="Build."))
    assert (made.status, made.slug) == ("completed", "built")
    await session.pause()
    assert "'create_draft' was carried out: built" in await first_words(session), "also by the next host"
    assert (await answered(session, writing("publish"))).version == 1
    published = [a for a in await session.list_artifacts() if a.mime == PROPOSAL_MIME]
    assert [artifact.version for artifact in published] == [1, 2, 3]
