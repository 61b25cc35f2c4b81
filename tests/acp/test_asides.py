"""What adapters say by themselves, and how a failure that calls itself success is known. Pure."""

from typing import Any

import pytest

from roost.drivers.acp.agents import AGENTS
from roost.drivers.acp.asides import MAX_FAILURE_CHARS, Asides

BANNER = "pi v1\n---\n"


def words(text: str) -> dict[str, Any]:
    return {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}


def thread(status: str) -> dict[str, Any]:
    return {"sessionUpdate": "session_info_update", "_meta": {"codex": {"threadStatus": {"type": status}}}}


@pytest.mark.parametrize(
    "text", [BANNER, "Retrying...", "Retrying (attempt 1/3, waiting 2s)...", "Retry finished, resuming."]
)
def test_what_the_adapter_of_pi_says_is_no_answer(text: str) -> None:
    asides, strict = Asides(AGENTS["pi"]), Asides(AGENTS["claude"])
    for one in (asides, strict):
        one.opened({"sessionId": "s", "_meta": {"piAcp": {"startupInfo": BANNER}}})
        one.turn()
    assert asides.heard(words(text))
    assert strict.heard(words(text)) is None, "another agent means what it says"


def test_a_model_may_speak_of_trying_again() -> None:
    asides = Asides(AGENTS["pi"])
    assert asides.heard(words("Retrying (attempt 1/3, waiting 2s)... no, I give up")) is None
    assert asides.heard(words("")) is None


def test_a_silent_turn_has_failed_for_those_that_fail_so() -> None:
    assert Asides(AGENTS["pi"]).failure(silent=True)
    assert Asides(AGENTS["pi"]).failure(silent=False) is None
    assert Asides(AGENTS["claude"]).failure(silent=True) is None


def test_what_codex_tells_last_is_why_its_model_failed() -> None:
    asides = Asides(AGENTS["codex"])
    asides.turn()
    for update in (thread("active"), words("Warning: hm"), thread("systemError"), words('{"error": '), words("1}\n\n")):
        assert asides.heard(update) is None
    assert asides.failure(silent=False) == '{"error": 1}'
    asides.heard(words("x" * MAX_FAILURE_CHARS))
    assert len(asides.failure(silent=False) or "") == MAX_FAILURE_CHARS


def test_a_thread_that_works_again_or_works_anew_has_not_failed() -> None:
    asides = Asides(AGENTS["codex"])
    asides.heard(thread("systemError"))
    asides.heard(thread("active"))
    assert asides.failure(silent=False) is None
    asides.heard(thread("systemError"))
    assert asides.failure(silent=True) == "its model failed"
    asides.turn()
    assert asides.failure(silent=False) is None
    assert Asides(AGENTS["pi"]).heard(thread("systemError")) is None
