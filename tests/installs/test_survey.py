"""What there is of each agent on a machine, seen without starting any, and without reading any secret."""

import json
from pathlib import Path

import pytest
from msgspec import UNSET, to_builtins

from roost.drivers import survey_agents
from roost.drivers.acp.agents import AGENTS
from roost.drivers.acp.finding import find
from roost.drivers.acp.survey import survey
from roost.installs.places import Installs
from roost.model.agents import Agent
from roost.model.errors import AgentNotInstalled
from roost.settings import AgentSettings, Settings

SECRET = "sk-not-to-be-told"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with nothing."""
    home = tmp_path / "home"
    home.mkdir()
    for row in AGENTS.values():
        for key in row.keys:
            monkeypatch.delenv(key, raising=False)
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "PI_CODING_AGENT_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return home


def surveyed(tmp_path: Path, own: dict[str, AgentSettings] | None = None) -> dict[str, Agent]:
    found = survey(own or {}, Installs(tmp_path / "agents"), default="claude")
    assert SECRET not in json.dumps(to_builtins(found))
    return {agent.name: agent for agent in found}


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_what_is_missing_says_how_to_get_it(home: Path, tmp_path: Path) -> None:
    found = surveyed(tmp_path)
    assert list(found) == ["scripted", "claude", "codex", "opencode", "gemini", "pi"]
    claude, scripted = found["claude"], found["scripted"]
    assert (scripted.installed, scripted.where, scripted.logged_in) == (True, "built-in", UNSET)
    assert (claude.installed, claude.default, claude.logged_in, claude.path) == (False, True, False, UNSET)
    assert claude.install == "roost agents install claude"
    assert "roost agents login claude" in str(claude.sign_in)
    assert claude.can is not UNSET
    assert (claude.can.wakes, claude.can.asks, found["pi"].can) == ("resume", "always", AGENTS["pi"].can)
    with pytest.raises(AgentNotInstalled, match="get it by `roost agents install claude`") as missing:
        find(AGENTS["claude"], {}, Installs(tmp_path / "agents"))
    assert missing.value.details == {"command": "claude-agent-acp", "install": "roost agents install claude"}


def test_a_login_is_seen_by_its_file_or_variable_and_never_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".codex").mkdir()
    login = home / ".codex" / "auth.json"
    login.write_text("")
    assert surveyed(tmp_path)["codex"].logged_in is False, "an empty file is no login"
    login.write_text(SECRET)
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    found = surveyed(tmp_path)
    assert (found["codex"].logged_in, found["codex"].login) == (True, str(login))
    assert (found["claude"].logged_in, found["claude"].login) == (True, "ANTHROPIC_API_KEY")
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "elsewhere"))
    assert surveyed(tmp_path)["codex"].logged_in is False
    own = {"codex": AgentSettings(env={"CODEX_HOME": str(home / ".codex")})}
    assert surveyed(tmp_path, own)["codex"].login == str(login)


def test_the_own_folder_comes_before_the_path_and_a_command_of_the_settings_before_both(
    home: Path, tmp_path: Path
) -> None:
    package = tmp_path / "lib" / "node_modules" / "pi-acp"
    target = program(package / "dist" / "index.js")
    (package / "package.json").write_text('{"name": "pi-acp", "version": "9.9.9"}')
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pi-acp").symlink_to(target)
    pi = surveyed(tmp_path)["pi"]
    assert (pi.installed, pi.where, pi.path, pi.version) == (True, "path", str(tmp_path / "bin" / "pi-acp"), "9.9.9")

    root = tmp_path / "agents"
    mine = program(root / "pi" / "bin" / "pi-acp")
    program(root / "node-1.0.0" / "bin" / "node")
    told = {"agent": "pi", "packages": {"@earendil-works/pi-coding-agent": "0.1.0"}, "node": "1.0.0", "at": 1}
    (root / "pi" / "installed.json").write_text(json.dumps(told | {"lock": "another"}))
    pi = surveyed(tmp_path)["pi"]
    assert (pi.where, pi.path, pi.version, pi.outdated) == ("roost", str(mine), "0.1.0", True)
    assert find(AGENTS["pi"], {"PATH": "/x"}, Installs(root)).env["PATH"] == f"{mine.parent}:/x"

    other = program(tmp_path / "other")
    own = {"pi": AgentSettings(command=(str(other), "acp")), "mine": AgentSettings(command=("nothing-there",))}
    found = surveyed(tmp_path, own)
    assert (found["pi"].where, found["pi"].path, found["pi"].outdated) == ("settings", str(other), False)
    assert (found["mine"].installed, found["mine"].install, found["mine"].logged_in) == (False, UNSET, UNSET)


def test_an_agent_that_has_only_a_screen_is_told_too_and_each_with_its_drivers(home: Path, tmp_path: Path) -> None:
    screen = program(tmp_path / "screen")
    own = {
        "mine": AgentSettings(terminal=(str(screen), "-i")),
        "gone": AgentSettings(terminal=("nothing-there",)),
        "both": AgentSettings(terminal=(str(screen),), command=(str(screen), "acp")),
    }
    told = survey_agents(Settings(data=str(tmp_path / "data"), agents=own, agent="gone"))
    found = {agent.name: agent for agent in told}
    assert {name: agent.drivers for name, agent in found.items() if name in own or name in ("scripted", "pi")} == {
        "scripted": ("scripted",),
        "pi": ("acp", "terminal"),
        "both": ("acp", "terminal"),
        "mine": ("terminal",),
        "gone": ("terminal",),
    }
    assert (found["mine"].installed, found["mine"].where, found["mine"].path) == (True, "settings", str(screen))
    assert (found["gone"].installed, found["gone"].default) == (False, True)
