"""The driver without a hub: what depends on the row of its agent, and on what its session was given."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from roost.drivers.acp.agents import AcpAgent, Quirk
from roost.drivers.acp.driver import AcpDriver
from roost.drivers.acp.tools import TOLD
from roost.host.home import AgentHome
from roost.model import events as e
from roost.model.agents import AgentCan
from roost.model.errors import AgentFailed, AgentUnattended, BodyTooLarge
from roost.processes import born, now
from tests.acp.conftest import AGENT, script
from tests.contract.turns import MemoryPast, MemoryTurn, agent_home

pytestmark = pytest.mark.process


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[AgentHome]:
    async with agent_home(tmp_path) as home:
        yield home


def agent(*flags: str, **row: object) -> AcpAgent:
    return AcpAgent(name="tested", command=(sys.executable, str(AGENT), *flags), **row)  # pyright: ignore[reportArgumentType]


async def test_instructions_come_before_the_first_prompt_of_a_session_and_not_again(
    home: AgentHome, tmp_path: Path
) -> None:
    kit, past = e.Kit(instructions=e.Instructions(text="be brief")), MemoryPast()
    for told in ([f"{TOLD}\n\nbe brief"], [script({"recall": True})]):
        driver = AcpDriver(agent("resume"))
        await driver.start(tmp_path, {}, {"kit": kit}, past, home)
        assert json.loads((await driver.run(MemoryTurn(script({"recall": True}), tmp_path))).text or "") == told
        await driver.close()


async def test_an_agent_that_takes_no_servers_says_the_same_in_files(home: AgentHome, tmp_path: Path) -> None:
    driver = AcpDriver(agent(can=AgentCan(wakes="seed")))
    await driver.start(tmp_path, {}, {}, MemoryPast(), home)
    write = "mkdir -p .roost/artifacts; echo hi > .roost/artifacts/note.txt; echo '{}' > .roost/goal.json"
    turn = MemoryTurn(script({"bash": write.format('{"status": "continue"}')}), tmp_path)
    await driver.run(turn)
    assert [body for body in turn.said if isinstance(body, e.GoalUpdated)] == [e.GoalUpdated(status="continue")]
    (published,) = [body for body in turn.said if isinstance(body, e.ArtifactPublished)]
    assert (published.key, published.mime) == ("note.txt", "text/plain")
    assert not [*(tmp_path / ".roost").rglob("note.txt"), *(tmp_path / ".roost").glob("goal.json")]
    wrong = MemoryTurn(script({"bash": write.format("{}")}), tmp_path)
    assert "Object missing required field `status`" in ((await driver.run(wrong)).text or "")  # its next turn said it
    await driver.close()


@pytest.mark.parametrize("link", [".roost", ".roost/artifacts", ".roost/prompts", ".roost/goal.json"])
async def test_what_an_agent_has_made_a_link_is_not_followed(home: AgentHome, tmp_path: Path, link: str) -> None:
    outside, place = tmp_path / "outside", tmp_path / "place"
    (outside / "artifacts").mkdir(parents=True)
    for file in ("secret", "goal.json", "artifacts/secret"):
        (outside / file).write_text('{"status": "complete"}')
    (place / link).parent.mkdir(parents=True)
    (place / link).symlink_to(outside / "goal.json" if link.endswith("json") else outside)
    driver = AcpDriver(agent(can=AgentCan(wakes="seed")))
    await driver.start(place, {}, {}, MemoryPast(), home)
    turn = MemoryTurn("hello", place)
    await driver.run(turn)
    assert not [body for body in turn.said if isinstance(body, e.GoalUpdated | e.ArtifactPublished)]
    turn = MemoryTurn("hello", place)
    turn.input = (e.FileInput(url="data:,x", mime="text/plain", filename="f.txt"),)
    if link in (".roost", ".roost/prompts"):
        with pytest.RaisesGroup(AgentFailed):
            await driver.run(turn)
    assert sorted(path.name for path in outside.rglob("*")) == ["artifacts", "goal.json", "secret", "secret"]
    await driver.close()


async def test_nothing_of_roost_is_offered_where_the_settings_say_so(home: AgentHome, tmp_path: Path) -> None:
    driver = AcpDriver(agent(tools=False))
    able = await driver.start(tmp_path, {}, {}, MemoryPast(), home)
    assert able["questions"] is False
    turn = MemoryTurn(script({"recall": True}, {"config": True}), tmp_path)
    assert (await driver.run(turn)).text == '[] {"mode": "ask", "model": "small", "servers": []} '
    assert not (tmp_path / ".roost").exists()
    await driver.close()


@pytest.mark.parametrize(("flags", "finish"), [(("end_on_reject",), "rejected"), ((), "stop")])
async def test_a_turn_that_a_rejection_has_ended_shows_that(
    home: AgentHome, tmp_path: Path, flags: tuple[str, ...], finish: str
) -> None:
    def denied(asked: e.PermissionAsked) -> e.PermissionReplied:
        return e.PermissionReplied(request=asked.request, reply="reject", why="rule")

    driver = AcpDriver(agent(*flags))
    await driver.start(tmp_path, {}, {}, MemoryPast(), home)
    turn = MemoryTurn(script({"ask": "rm"}), tmp_path, permit=denied)
    await driver.run(turn)
    (asked,) = [body for body in turn.said if isinstance(body, e.PermissionAsked)]
    assert asked.metadata and asked.metadata["replies"] == ["once", "always", "reject"]
    assert [body.finish for body in turn.said if isinstance(body, e.MessageDone)] == [finish]
    await driver.close()


async def test_a_silent_end_is_an_error_of_an_agent_that_fails_in_silence(home: AgentHome, tmp_path: Path) -> None:
    for quirks, fails in (({}, False), ({Quirk.SILENT_FAILURE: "for the test"}, True)):
        driver = AcpDriver(agent(quirks=quirks))
        await driver.start(tmp_path, {}, {}, MemoryPast(), home)
        turn = MemoryTurn(script({"plan": []}), tmp_path)
        if fails:
            with pytest.RaisesGroup(AgentFailed):
                await driver.run(turn)
        else:
            await driver.run(turn)
        assert (await driver.run(MemoryTurn("hello", tmp_path))).text == "hello "
        await driver.close()


async def test_an_agent_that_never_asks_starts_only_if_the_settings_insist(home: AgentHome, tmp_path: Path) -> None:
    quirks = {Quirk.NEVER_ASKS: "for the test"}
    with pytest.raises(AgentUnattended):
        await AcpDriver(agent(quirks=quirks)).start(tmp_path, {}, {}, MemoryPast(), home)
    driver = AcpDriver(agent(quirks=quirks, insist=True))
    able = await driver.start(tmp_path, {}, {}, MemoryPast(), home)
    assert able["asks"] is False
    await driver.close()


async def test_the_mode_of_its_row_is_set_unless_the_session_names_one(home: AgentHome, tmp_path: Path) -> None:
    for options, mode in (({}, "plan"), ({"mode": "ask"}, "ask")):
        driver = AcpDriver(agent(mode="plan"))
        await driver.start(tmp_path, {}, options, MemoryPast(), home)
        result = await driver.run(MemoryTurn(script({"config": True}), tmp_path))
        assert json.loads(result.text or "")["mode"] == mode
        await driver.close()


async def test_an_image_that_is_too_large_for_an_event_is_kept_beside_it(home: AgentHome, tmp_path: Path) -> None:
    small, large = ("A" * count for count in (4, 64 * 1024))
    shown = [{"show": {"type": "image", "mimeType": "image/png", "data": data}} for data in (small, large)]
    driver = AcpDriver(agent())
    await driver.start(tmp_path, {}, {}, MemoryPast(), home)
    turn = MemoryTurn(script(*shown), tmp_path)
    await driver.run(turn)
    within, beside = [body for body in turn.said if isinstance(body, e.Attachment)]
    assert within.url == "data:image/png;base64,AAAA"
    assert isinstance(beside.blob, e.Blob)
    assert beside.blob.size == 48 * 1024
    await driver.close()


async def test_a_driver_whose_start_has_failed_can_be_started_again(home: AgentHome, tmp_path: Path) -> None:
    class Full(MemoryPast):
        def keep(self, state: object, taken_up: object = None) -> None:
            raise BodyTooLarge("no room")

    driver = AcpDriver(agent())
    with pytest.raises(BodyTooLarge):
        await driver.start(tmp_path, {}, {}, Full(), home)
    await driver.start(tmp_path, {}, {}, MemoryPast(), home)  # it may be tried again
    assert (await driver.run(MemoryTurn("hello", tmp_path))).text == "hello "
    await driver.close()


def test_the_hub_knows_its_agents_without_the_library_of_the_protocol() -> None:
    code = "import sys, roost.wiring, roost.drivers, roost.core.hub; sys.exit('acp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


def test_a_process_is_born_when_it_is_started() -> None:
    import psutil

    before = now()
    with subprocess.Popen(["sleep", "60"]) as child:
        after = now()
        birth = born(psutil.Process(child.pid))
        child.kill()
    assert before - 0.02 <= birth <= after
    assert born(psutil.Process()) < before
