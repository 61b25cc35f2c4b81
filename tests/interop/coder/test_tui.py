"""The published terminal clients, in a terminal: what happens is drawn while it happens, and what is typed arrives.

That the remote one restores a history is not asserted: with the Pi it is published with, it cannot.
"""

from pathlib import Path

import pytest

from roost.testing import RunningHub
from tests.behaviour.conftest import ask, script
from tests.interop.coder import packages
from tests.interop.coder.conftest import key_of
from tests.interop.coder.polling import idle, once
from tests.interop.coder.published import Published
from tests.interop.coder.terminal import ENTER, ESCAPE, terminal
from tests.interop.coder.vendor_cli import Agentuity, at_a_terminal

NO_GATEWAY = Path(__file__).with_name("no_gateway.mjs")


@pytest.fixture(scope="module")
def agentuity(installed: Path, hub: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Agentuity:
    return at_a_terminal(hub.url, key_of(hub.data), tmp_path_factory.mktemp("home"))


async def test_the_remote_terminal_draws_what_happens_and_sends_what_is_typed(
    agentuity: Agentuity, sdk: Published
) -> None:
    session = await sdk.session("the first prompt")
    await idle(sdk, session)
    async with terminal([*agentuity.command, "tui", "--remote", session], agentuity.environment, agentuity.home) as tui:
        await tui.shows("the first prompt")
        await tui.say("typed in the terminal")
        await tui.shows("typed in the terminal", times=2)  # the prompt, and the agent's echo
        async with sdk.opened("socket", sessionId=session, role="controller") as other:
            await other.command("prompt", message=script({"bash": {"command": "echo from a tool"}}, {"text": "Well."}))
            await tui.shows("from a tool")
            await tui.shows("Well.")
            await other.command("prompt", message=script(ask("rm *"), {"text": "Permitted."}))
            await tui.shows("Allow once")
            tui.press(ENTER)
            await other.heard("agent_end", lambda data: "Permitted." in str(data))
        await tui.shows("Permitted.")
        await tui.say(script({"text": "I begin."}, {"sleep": 60}))
        await tui.shows("I begin.", times=2)
        tui.press(ESCAPE)
        await idle(sdk, session)
        await tui.say("after the abort")
        await tui.shows("after the abort", times=2)
    texts = [entry.get("content") for entry in (await sdk.call("getReplay", session))["entries"]]
    assert {"typed in the terminal", "Permitted.", "after the abort"} <= {*texts}


async def test_a_session_is_picked_from_those_that_can_be_connected(agentuity: Agentuity, sdk: Published) -> None:
    session = await sdk.session("pick me", label="the one to pick")
    await idle(sdk, session)
    async with terminal([*agentuity.command, "tui", "--remote"], agentuity.environment, agentuity.home) as tui:
        await tui.shows("the one to pick")
        await tui.press_until(ENTER, "pick me")
        await tui.say("I was picked")
        await tui.shows("I was picked", times=2)


@pytest.mark.parametrize("arguments", [("tui", "--sandbox", "made here"), ("create", "made here", "--connect")])
async def test_a_session_is_made_and_attached_in_one_command(agentuity: Agentuity, arguments: tuple[str, ...]) -> None:
    async with terminal([*agentuity.command, *arguments], agentuity.environment, agentuity.home) as tui:
        await tui.shows("[Extensions]")  # its own screen: what is typed before belongs to the shell
        await tui.say("and typed here")
        await tui.shows("and typed here", times=2)


async def test_a_local_terminal_leads_a_session_of_its_own(
    agentuity: Agentuity, sdk: Published, tmp_path: Path
) -> None:
    command = [*agentuity.command, "tui", "--dir", str(tmp_path)]
    preload = {"NODE_OPTIONS": f"--import={NO_GATEWAY.as_uri()}", "PACKAGES": str(packages.home())}
    async with terminal(command, agentuity.environment | preload, tmp_path) as tui:
        await tui.shows("Hub")
        listed = await once(
            sdk,
            "listSessions",
            so=lambda page: ("tui", "active") in {(item["mode"], item["status"]) for item in page["sessions"]},
        )
        (item,) = [item for item in listed["sessions"] if item["mode"] == "tui"]
        assert (item["status"], item["bucket"]) == ("active", "running")
        async with sdk.opened("socket", sessionId=item["sessionId"], role="controller") as controller:
            assert (await controller.told("session_hydration"))["leadConnected"] is True


async def test_the_overlay_shows_the_sessions_of_the_hub_and_what_they_do(agentuity: Agentuity, sdk: Published) -> None:
    here = await sdk.session("a session called here", label="called here")
    there = await sdk.session(script({"todos": ["write the tests"]}, {"text": "Noted."}), label="called there")
    for session in (here, there):
        await idle(sdk, session)
    async with terminal([*agentuity.command, "tui", "--remote", here], agentuity.environment, agentuity.home) as tui:
        await tui.shows("a session called here")
        tui.press("/hub")
        await tui.shows("Open Coder overlay")
        tui.press(ENTER)
        await tui.shows("› called there  active sandbox  Live")
        await tui.shows("called here  active sandbox  Live")
        tui.press(ENTER)
        for words in ("Root Task", "Connection: Live  Runtime: ready  Control: enabled", "write the tests"):
            await tui.shows(words)
        tui.press("2")
        async with sdk.opened("socket", sessionId=there, role="controller") as controller:
            await controller.command("prompt", message="seen in the feed")
            await tui.shows("seen in the feed")


async def test_the_skills_of_the_hub_are_copied_into_a_project(agentuity: Agentuity, sdk: Published) -> None:
    await sdk.call("createCustomSkill", {"skillId": "copied", "name": "Copied", "content": "# Copied\n"})
    session = await sdk.session("skills, please")
    await idle(sdk, session)
    async with terminal([*agentuity.command, "tui", "--remote", session], agentuity.environment, agentuity.home) as tui:
        await tui.shows("skills, please")
        tui.press("/sync-hub-skills")
        await tui.shows("Sync skills from Coder")
        tui.press(ENTER)
        await tui.shows("copied/SKILL.md")
    copied = agentuity.home / ".agents" / "skills" / "copied" / "SKILL.md"
    assert copied.read_text() == "# Copied\n"
