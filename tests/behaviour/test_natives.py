"""Sessions that agents have had by themselves are listed, brought in with their history, and gone on with."""

import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import UNSET

from roost.client import AsyncClient
from roost.model import events as e
from roost.model.errors import (
    AgentUnknown,
    Forbidden,
    HubUnreachable,
    InvalidRequest,
    NativeNotFound,
    SessionExists,
    WorkspaceInvalid,
)
from roost.model.messages import FilePart, TextPart
from roost.testing import HubProcess, hub_process
from tests.acp.conftest import AGENT, bodies
from tests.behaviour.conftest import comes_true, until
from tests.natives.recorded import IDS, make_home

AGENTS = {"claude": "resume", "codex": "", "opencode": "load", "pi": ""}
"""Those whose records are there, played by one that can take up a session by itself like this."""


@dataclass
class World:
    """A hub, and the machine that it runs on."""

    hub: HubProcess
    place: Path

    @property
    def repo(self) -> Path:
        return (self.place / "repo").resolve()

    def session_of_claude(self, name: str, *records: dict[str, Any]) -> Path:
        project = next((self.place / "home/.claude/projects").iterdir())
        path = project / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"cwd": str(self.repo)} | record) + "\n" for record in records))
        return path


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    place = tmp_path_factory.mktemp("machine")
    home = make_home(place)
    tables: list[str] = []
    for name, flag in AGENTS.items():
        command = json.dumps([sys.executable, str(AGENT), *flag.split()])
        env = f'{{ HOME = "{home}", ACP_AGENT_HOME = "{place}" }}'
        tables.append(f"[agents.{name}]\ncommand = {command}\nenv = {env}\ninsist = true\n")
    config = place / "config.toml"
    config.write_text("\n".join(tables))
    async with hub_process(config=config, sandbox="none") as hub:
        yield World(hub, place)


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    async with world.hub.client() as opened:
        yield opened


def _user(content: Any) -> dict[str, Any]:
    return {"type": "user", "message": {"role": "user", "content": content}, "timestamp": "2026-11-20T07:00:00Z"}


def _assistant(*blocks: dict[str, Any], name: str = "m") -> dict[str, Any]:
    return {"type": "assistant", "message": {"id": name, "content": list(blocks), "stop_reason": "end_turn"}}


async def test_what_agents_keep_of_their_own_is_listed(world: World, client: AsyncClient) -> None:
    found = await client.natives()
    assert {each.agent: each.id for each in found.natives} == {name: IDS[name] for name in AGENTS}
    assert [each.changed_at for each in found.natives] == sorted((n.changed_at for n in found.natives), reverse=True)
    for each in found.natives:
        assert (each.folder, each.prompt) == (str(world.repo), "TASK=write CWD=/workspace please write hello.txt")
        assert each.messages and each.began_at and each.session is UNSET
    assert [each.agent for each in (await client.natives(agent="pi")).natives] == ["pi"]
    assert (await client.natives(folder=str(world.repo))).total == 4
    assert (await client.natives(folder=str(world.place))).total == 0
    first = await client.natives(limit=1)
    assert (len(first.natives), first.total) == (1, 4)
    with pytest.raises(AgentUnknown):
        await client.natives(agent="gemini")
    for wrong in ({"limit": 0}, {"limit": 501}, {"folder": "repo"}):
        with pytest.raises(InvalidRequest):
            await client.natives(**wrong)  # pyright: ignore[reportArgumentType]


async def test_one_is_brought_in_with_its_history_and_goes_on_by_itself(world: World, client: AsyncClient) -> None:
    (world.place / f"{IDS['claude']}.json").write_text('["the word was owl"]')  # what the agent itself remembers
    session = await client.import_native("claude", IDS["claude"])
    info = await session.info()
    assert (info.phase, info.agent, info.workspace.path) == ("paused", "claude", str(world.repo))
    assert (info.label, info.visibility) == ("TASK=write CWD=/workspace please write hello.txt", "private")
    assert info.origin and (info.origin.agent, info.origin.id) == ("claude", IDS["claude"])
    events = (await session.read(limit=5000)).events
    assert [event.type for event in events][:3] == ["session-created", "session-imported", "run-start"]
    assert [event.type for event in events][-2:] == ["agent-state", "session-paused"]
    assert all(event.at >= info.created_at for event in events)
    messages = await session.messages()
    assert [message.info.role for message in messages].count("user") == 4
    assert messages[0].info.said_at == 1795160129546
    assert [run.status for run in await session.runs()] == ["failed", "cancelled", "completed", "completed"]
    assert (await session.metrics()).cost == pytest.approx(0.0548)

    done = await session.send('[{"recall": 1}]')
    assert json.loads(done.text) == ["the word was owl"]
    (state,) = [state for state in await bodies(session, e.AgentState) if state.taken_up is not UNSET]
    assert (state.taken_up, state.state["session"]) == ("resumed", IDS["claude"])
    assert (await client.natives(agent="claude")).natives[0].session == session.id
    own = world.hub.data / "sandboxes" / session.id / "home"  # what it would see if it were enclosed
    (record,) = (world.place / "home").rglob(f"{IDS['claude']}.jsonl")
    assert [path.relative_to(own) for path in own.rglob("*") if path.is_file()] == [
        record.relative_to(world.place / "home")
    ]


async def test_one_that_its_agent_has_lost_goes_on_from_our_log(client: AsyncClient) -> None:
    session = await client.import_native("codex", IDS["codex"])
    done = await session.send('[{"recall": 1}]')
    assert "User: TASK=write" in done.text and "DONE: wrote hello.txt and ran wc." in done.text
    assert (await bodies(session, e.AgentState))[-1].taken_up == "seeded"


@pytest.mark.parametrize("agent", ["opencode", "pi"])
async def test_the_others_are_brought_in_too(agent: str, client: AsyncClient) -> None:
    session = await client.import_native(agent, IDS[agent])
    assert (await session.messages())[-1].info.error
    assert (await session.metrics()).tool_calls == 3


async def test_the_same_one_again_is_refused_unless_that_is_wished(client: AsyncClient) -> None:
    session = await client.import_native("pi", IDS["pi"], again=True)
    with pytest.raises(SessionExists) as caught:
        await client.import_native("pi", IDS["pi"])
    known = {each.session for each in (await client.list_sessions(agent="pi")).sessions}
    assert caught.value.details["session"] in known
    other = await client.import_native("pi", IDS["pi"], again=True)
    assert other.id != session.id
    for each in known | {other.id}:
        await client.delete_session(each)
    await client.import_native("pi", IDS["pi"])


async def test_what_roost_itself_goes_on_with_is_not_brought_in_beside_it(world: World, client: AsyncClient) -> None:
    own = await client.create_session(agent="claude", task="hello")
    await until(own, "run-complete")
    (state,) = await bodies(own, e.AgentState)
    world.session_of_claude(state.state["session"], _user("hello"))
    with pytest.raises(SessionExists) as caught:
        await client.import_native("claude", state.state["session"])
    assert caught.value.details["session"] == own.id


async def test_what_cannot_be_brought_in_leaves_nothing(world: World, client: AsyncClient) -> None:
    before = (await client.list_sessions(hidden=True)).total
    path = world.session_of_claude("moved", _user("hello"))
    path.write_text(path.read_text().replace(str(world.repo), str(world.repo / "gone")))
    for agent, name, error in (
        ("claude", "nothing", NativeNotFound), ("scripted", "x", AgentUnknown), ("claude", "moved", WorkspaceInvalid),
    ):  # fmt: skip
        with pytest.raises(error):
            await client.import_native(agent, name)
    assert (await client.list_sessions(hidden=True)).total == before
    elsewhere = await client.import_native("claude", "moved", folder=str(world.place))
    assert (await elsewhere.info()).workspace.path == str(world.place)


async def test_nobody_else_of_the_hub_sees_files_of_its_user(world: World, client: AsyncClient) -> None:
    session = await client.import_native("claude", IDS["claude"], again=True)
    for wanted in ({"org": "acme", "scope": "admin"}, {"scope": "controller"}):
        key = await client.add_key("eve", **wanted)  # pyright: ignore[reportArgumentType]
        async with AsyncClient(world.hub.url, key.secret) as eve:
            with pytest.raises(Forbidden):
                await eve.natives()
            with pytest.raises(Forbidden):
                await eve.import_native("claude", IDS["claude"], again=True)
            assert session.id not in {each.session for each in (await eve.list_sessions()).sessions}


async def test_pictures_are_kept_as_blobs_and_what_is_none_is_told(world: World, client: AsyncClient) -> None:
    def picture(data: str) -> dict[str, Any]:
        return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}

    big = "AAAA" * 1000
    call = {"type": "tool_use", "id": "c", "name": "Shot", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": [picture(big)]}
    text = {"type": "text", "text": "look"}
    world.session_of_claude(
        "seen", _user([text, picture(big), picture("AAAA")]), _assistant(call), _user([result]),
        _user([text, picture("no base64" * 200)]),
    )  # fmt: skip
    session = await client.import_native("claude", "seen")
    asked, answered, again = await session.messages()
    _, first, second = asked.parts
    assert isinstance(first, FilePart) and first.url and first.url.startswith("blob:sha256-")
    assert await client.get_blob(first.url.removeprefix("blob:")) == bytes(3000)
    assert isinstance(second, FilePart) and second.url == "data:image/png;base64,AAAA"
    (shown,) = [part for part in answered.parts if isinstance(part, FilePart)]
    assert shown.blob and (shown.blob.size, shown.mime) == (3000, "image/png")
    assert [type(part) for part in again.parts] == [TextPart]


async def test_a_hub_that_is_killed_meanwhile_leaves_nothing_of_it(world: World, client: AsyncClient) -> None:
    said = [_assistant(*[{"type": "text", "text": "x" * 200}] * 50, name=f"m{number}") for number in range(120)]
    world.session_of_claude("long", _user("go"), *said)
    before = (await client.list_sessions(hidden=True)).total
    doomed = AsyncClient(data=world.hub.data, retry_seconds=0, connect_seconds=0)

    async def bring() -> None:
        with pytest.raises(HubUnreachable):
            await doomed.import_native("claude", "long")

    async with doomed, anyio.create_task_group() as tasks:
        tasks.start_soon(bring)
        await comes_true(lambda: list((world.hub.data / "imports").glob("*.part")))
        await world.hub.kill()
    await world.hub.start()
    assert (await client.list_sessions(hidden=True)).total == before
    assert list((world.hub.data / "imports").iterdir()) == []
    assert (await (await client.import_native("claude", "long")).info()).seq == 6 + 120 * (50 * 3 + 2)
