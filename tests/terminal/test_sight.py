"""What can be told from a look at a screen, and what is typed into it."""

import json
import tomllib
from pathlib import Path

import pytest

from roost.cli.terminal_ import Keys
from roost.drivers.terminal.agents import AGENTS, TerminalAgent, terminal_agent
from roost.drivers.terminal.first_run import MAX_FILE_BYTES, prepare
from roost.drivers.terminal.sight import (
    QUIET_SECONDS,
    READY_SECONDS,
    STUCK_SECONDS,
    Look,
    ScreenReader,
    still_typed,
    typeable,
)
from roost.settings import AgentSettings

QUIET = TerminalAgent(name="any", command=("any",))
KNOWN = TerminalAgent(name="known", command=("known",), ready=("^>$",), busy=("to interrupt",), asks=("^1. yes",))
SOON = 0.01


@pytest.mark.parametrize(
    ("agent", "look", "state"),
    [
        (QUIET, Look(lines=("a",), still_seconds=QUIET_SECONDS), "idle"),
        (QUIET, Look(lines=("a",), still_seconds=QUIET_SECONDS - SOON), "active"),
        (QUIET, Look(lines=("a",), still_seconds=QUIET_SECONDS, started=1), "active"),
        (QUIET, Look(lines=("a",), still_seconds=STUCK_SECONDS, started=1), "idle"),
        (QUIET, Look(lines=("a",), still_seconds=0, exit_code=0), "exited"),
        (KNOWN, Look(lines=("done", ">", ""), still_seconds=READY_SECONDS), "idle"),
        (KNOWN, Look(lines=("done", ">", ""), still_seconds=READY_SECONDS - SOON), "active"),
        (KNOWN, Look(lines=("done", "> more"), still_seconds=QUIET_SECONDS), "active"),
        (KNOWN, Look(lines=("esc to interrupt", ">"), still_seconds=READY_SECONDS), "active"),
        (KNOWN, Look(lines=("esc to interrupt", ">"), still_seconds=STUCK_SECONDS), "idle"),
        (KNOWN, Look(lines=("may I?", "1. yes"), still_seconds=READY_SECONDS), "waiting_input"),
        (KNOWN, Look(lines=("may I?", "1. yes"), still_seconds=STUCK_SECONDS), "waiting_input"),
        (KNOWN, Look(lines=("1. yes", *"abcdefghijkl", ">"), still_seconds=READY_SECONDS), "idle"),
    ],
    ids=lambda value: value.name if isinstance(value, TerminalAgent) else None,
)
def test_a_look_at_the_screen_says(agent: TerminalAgent, look: Look, state: str) -> None:
    assert ScreenReader(agent).activity(look) == state


RULE = "─" * 30


@pytest.mark.parametrize(
    ("lines", "typed"),
    [
        (("> fix the test",), True),
        (("> fix the test", "working", ">"), False),
        (("  ❯ fix the", "    test"), True),
        (("fix the test", RULE, "", RULE, "0%/100k"), False),
        ((RULE, "fix the test", RULE), True),
        ((RULE, "old", RULE, "said", RULE, " fix the test", RULE), True),
        (("> [Pasted text #1 +20 lines]",), True),
        (("fix the test",), False),
        ((), False),
    ],
)
def test_what_still_stands_in_the_input_box_was_not_taken(lines: tuple[str, ...], typed: bool) -> None:
    assert still_typed(lines, "fix the test") is typed


def test_nothing_is_typed_that_commands_the_terminal() -> None:
    assert typeable("a\x1b[201~b\x03c\x9bd\r\ne\rf\tg") == "a[201~bcd\ne\nf\tg"


def test_an_agent_of_ones_own_has_a_screen_if_the_settings_say_how_it_is_started() -> None:
    assert terminal_agent("mine", AgentSettings(command=("mine", "--acp"))) is None
    own = terminal_agent("mine", AgentSettings(terminal=("mine",), ready="^%$", env={"A": "1"}))
    assert own is not None
    assert (own.command, own.ready, own.env, own.insist) == (("mine",), ("^%$",), {"A": "1"}, True)
    changed = terminal_agent("pi", AgentSettings(terminal=("/opt/pi",), insist=True))
    assert changed is not None
    assert (changed.command, changed.resume, changed.insist) == (("/opt/pi",), AGENTS["pi"].resume, True)


def test_what_claude_would_ask_first_is_answered_and_all_else_stays(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": str(tmp_path), "ANTHROPIC_API_KEY": "sk-" + "k" * 30}
    path = tmp_path / ".claude.json"
    path.write_text(json.dumps({"theme": "light", "projects": {"/other": {"x": 1}}, "mine": True}))
    path.chmod(0o640)
    prepare("claude", Path("/repo"), env)
    told = json.loads(path.read_text())
    assert (told["theme"], told["mine"], told["hasCompletedOnboarding"]) == ("light", True, True)
    assert told["projects"] == {"/other": {"x": 1}, "/repo": {"hasTrustDialogAccepted": True}}
    assert told["customApiKeyResponses"] == {"approved": ["k" * 20], "rejected": []}
    assert path.stat().st_mode & 0o777 == 0o640
    before = path.stat().st_ino
    prepare("claude", Path("/repo"), env)
    assert path.stat().st_ino == before  # nothing to change, nothing written
    path.write_text("no JSON")
    prepare("claude", Path("/repo"), env)
    assert path.read_text() == "no JSON"


def test_codex_trusts_the_folder_it_is_started_in_unless_it_was_told_otherwise(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "CODEX_HOME": str(tmp_path)}
    path = tmp_path / "config.toml"
    prepare("codex", Path('/a "b"'), env)
    path.write_text(path.read_text() + '[projects."/no"]\ntrust_level = "untrusted"\n')
    prepare("codex", Path("/no"), env)
    prepare("codex", Path("/yes"), env)
    levels = {name: each["trust_level"] for name, each in tomllib.loads(path.read_text())["projects"].items()}
    assert levels == {'/a "b"': "trusted", "/no": "untrusted", "/yes": "trusted"}


def test_an_agent_with_a_home_of_its_own_has_its_answers_there_and_no_link_of_its_is_followed(tmp_path: Path) -> None:
    users, own, elsewhere = tmp_path / "user", tmp_path / "own", tmp_path / "elsewhere"
    for folder in (users, own, elsewhere):
        folder.mkdir()
    env = {"HOME": str(users)}
    for agent in ("claude", "codex"):
        prepare(agent, Path("/repo"), env, str(own))
    assert json.loads((own / ".claude.json").read_text())["projects"]["/repo"] == {"hasTrustDialogAccepted": True}
    assert "/repo" in tomllib.loads((own / ".codex/config.toml").read_text())["projects"]
    assert list(users.iterdir()) == []
    (own / ".codex/config.toml").unlink()
    (own / ".codex").rmdir()
    (own / ".codex").symlink_to(elsewhere)
    (own / ".claude.json").unlink()
    (own / ".claude.json").symlink_to(elsewhere / "file")
    for agent in ("claude", "codex"):
        prepare(agent, Path("/repo"), env, str(own))
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("size", [MAX_FILE_BYTES, MAX_FILE_BYTES + 1])
def test_answers_are_added_to_files_of_up_to_8_mib(tmp_path: Path, size: int) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine\n".ljust(size, "#"))
    prepare("codex", Path("/repo"), {"CODEX_HOME": str(tmp_path)})
    assert path.read_text().endswith('trust_level = "trusted"\n') == (size == MAX_FILE_BYTES)


def test_ctrl_b_d_leaves_and_ctrl_b_twice_is_one() -> None:
    keys = Keys()
    assert keys.take(b"ab\x02") == b"ab"
    assert keys.take(b"\x02c\x02x") == b"\x02c\x02x"
    assert not keys.left
    assert keys.take(b"\x02d") is None
    assert keys.left
    assert Keys().take(b"") is None  # there is no terminal any more
