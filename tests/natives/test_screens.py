"""The last lines of a screen, per agent."""

from pathlib import Path

import pytest

from roost.model.activity import Activity
from roost.natives.screens import ASKED_WITHIN, LINES, on_screen

ACTIVE, IDLE, WAITS = Activity.ACTIVE, Activity.IDLE, Activity.WAITING_INPUT
RECORDED = Path(__file__).parents[1] / "golden" / "native" / "screens"
SHOWS = {"rests": IDLE, "done": IDLE, "interrupted": IDLE, "works": ACTIVE, "asks": WAITS}
FILL = "\n".join(f"line {number}" for number in range(2 * LINES)) + "\n"


@pytest.mark.parametrize("agent", ["claude", "codex", "gemini", "opencode", "pi", "somebody"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", IDLE),
        ("\n  \n", IDLE),
        ("done\n> ", IDLE),
        ("$", IDLE),
        ("#  \n\n\n", IDLE),
        ("> fix the tests", ACTIVE),
        ("✻ Thinking", ACTIVE),
        ("run it? (Y)es (N)o", WAITS),
        (FILL + "(y)es / (n)o\nlater", WAITS),
    ],
)
def test_every_screen_rests_at_a_prompt_and_asks_with_yes_and_no(agent: str, text: str, expected: Activity) -> None:
    assert on_screen(agent, text) is expected


@pytest.mark.parametrize(
    ("agent", "text", "expected"),
    [
        ("claude", "❯", IDLE),
        ("codex", "❯", ACTIVE),
        ("claude", "Do you want to proceed?\n❯ 1. Yes\n  2. No", WAITS),
        ("claude", "Do you want to create hello.txt?\n❯ 1. Yes\n  2. Yes, and do not ask again\n  3. No", WAITS),
        ("claude", "WARNING: running in Bypass Permissions mode\n  1. No, exit", WAITS),
        ("claude", "❯ go on\n  ⏵⏵ bypass permissions on (shift+tab to cycle)", ACTIVE),
        ("codex", "approval required: touch x", WAITS),
        ("codex", "Would you like to run the following command?\n› 1. Yes, proceed (y)\n  2. No", WAITS),
        ("codex", "Do you want to proceed?", ACTIVE),
        ("opencode", "Do you want to proceed?", WAITS),
        ("opencode", "Allow bash touch x?", WAITS),
        ("gemini", "Allow execution of: 'touch x'?\n● 1. Yes, allow once", WAITS),
        ("gemini", "Apply this change?\n● 1. Yes, allow once", WAITS),
        ("pi", "Do you want to proceed?", ACTIVE),
        ("somebody", "Press Enter to continue", WAITS),
        ("somebody", "[Yes] or [No]\n> ", WAITS),
        ("codex", "approval required\n> ", IDLE),
    ],
)
def test_an_agent_asks_in_its_own_words(agent: str, text: str, expected: Activity) -> None:
    assert on_screen(agent, text) is expected


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.txt")), ids=lambda path: path.stem)
def test_a_recorded_screen_is_read(path: Path) -> None:
    """That of Codex looks the same at work and at rest: then its records must tell."""
    agent, state = path.stem.split("-")
    expected = ACTIVE if agent == "codex" and state != "asks" else SHOWS[state]
    assert on_screen(agent, path.read_text(encoding="utf-8")) is expected


def test_a_list_that_somebody_types_is_no_question() -> None:
    assert on_screen("claude", "❯ 1. read it\n────\n  ? for shortcuts") is ACTIVE


def test_a_question_that_has_scrolled_up_is_over() -> None:
    asked = "Do you want to proceed?\n"
    below = "output\n" * (ASKED_WITHIN - 1)
    assert on_screen("claude", asked + below) is WAITS
    assert on_screen("claude", asked + below + "output\n") is ACTIVE
    answers = "❯ 1. Yes\n  2. No\n"
    assert on_screen("claude", answers + "output\n" * (LINES - 2)) is WAITS
    assert on_screen("claude", answers + "output\n" * (LINES - 1)) is ACTIVE
