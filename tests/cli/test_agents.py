"""`roost agents`, with a hub and without one."""

from pathlib import Path

from msgspec.structs import replace

from roost.cli import checks, codes
from roost.model.agents import Agent
from roost.testing import RunningHub
from tests.cli.conftest import Roost


async def test_agents_are_those_of_the_hub_or_of_this_machine(roost: Roost, alone: Roost, hub: RunningHub) -> None:
    of_hub, here = await roost("agents", "--json"), await alone("agents", "--json")
    assert [line["name"] for line in of_hub.lines] == [line["name"] for line in here.lines]
    assert [line["default"] for line in of_hub.lines if line["name"] == "scripted"] == [True]
    missing = {line["name"]: line["install"] for line in here.lines if not line["installed"]}
    assert all(command == f"roost agents install {name}" for name, command in missing.items())
    told = await alone("agents", PATH="/nowhere")
    assert "claude               not installed" in told.out
    assert "roost agents install claude" in told.out
    shown = await alone("agents", "show", "pi")
    assert "can asks   never" in shown.out


async def test_an_agent_that_is_not_installed_is_a_run_error_that_says_how_to_get_it(roost: Roost) -> None:
    done = await roost("run", "--agent", "gemini", "--env", "PATH=/nowhere", "hello")
    assert done.code == codes.RUN_FAILED
    assert "gemini is not installed" in done.err + done.out
    assert "roost agents install gemini" in done.err + done.out


async def test_only_agents_that_roost_pins_are_installed_and_only_here(alone: Roost) -> None:
    done = await alone("agents", "install", "scripted", "--json")
    assert (done.code, done.error["code"]) == (codes.ERROR, "agent_unknown")
    assert done.error["known"] == ["claude", "codex", "gemini", "opencode", "pi"]
    remote = await alone("agents", "install", "pi", "--url", "http://127.0.0.1:9")
    assert remote.code == codes.USAGE
    assert "run it where the hub runs" in remote.err
    assert (await alone("agents", "install")).code == codes.USAGE
    assert (await alone("agents", "uninstall", "pi", "--json")).json == {"agent": "pi", "removed": False}
    login = await alone("agents", "login", "pi", PATH="/nowhere")
    assert "get it by `roost agents install pi`" in login.err


def test_doctor_says_what_the_default_agent_lacks() -> None:
    mine = Agent(name="mine", default=True, install="get mine", sign_in="sign in mine")
    other = Agent(name="other", installed=False)
    missing, stranger, well = (replace(mine, **has) for has in (
        {"installed": False}, {"logged_in": False}, {"logged_in": True},
    ))  # fmt: skip
    found = [checks.agents([agent, other]) for agent in (missing, stranger, well, other)]
    assert [(check.status, check.todo) for check in found[:3]] == [
        ("warn", "get mine"), ("warn", "sign in mine"), ("ok", ""),
    ]  # fmt: skip
    assert found[2].found == "mine (default); not installed: other"
    assert "none is the default" in found[3].found


async def test_signing_in_is_the_agents_own_affair(alone: Roost, tmp_path: Path) -> None:
    for name in ("pi", "pi-acp"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\nread answer\necho "$answer to $PI_SKIP_VERSION_CHECK"\nexit 7\n')
        program.chmod(0o755)
    done = await alone("agents", "login", "pi", stdin="hello\n", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert (done.code, done.out) == (7, "hello to 1\n")
