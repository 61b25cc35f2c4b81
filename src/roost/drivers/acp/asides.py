"""What an adapter says as if its agent's model had said it, and what it tells beside its answer: two agents end a turn
in which their model failed as if all had gone well. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

from roost.drivers.acp.agents import AcpAgent, Quirk
from roost.drivers.acp.raw import table

RETRYING: Final = re.compile(r"Retrying(?: \(.*\))?\.\.\.|Retry finished, resuming\.")
"""Pi's adapter, of a model that fails; what comes after the last try is the model's, or nothing."""
MAX_FAILURE_CHARS: Final = 2000


class Asides:
    """Of one process of an agent."""

    def __init__(self, agent: AcpAgent) -> None:
        self._silent = Quirk.SILENT_FAILURE in agent.quirks
        self._told = Quirk.TOLD_FAILURE in agent.quirks
        self._greeting = ""
        self._failing, self._failure = False, ""

    def opened(self, answer: Mapping[str, Any]) -> None:
        """The answer to `session/new`: it names the words that Pi's adapter greets with, at some later moment."""
        self._greeting = str(table(table(answer.get("_meta")).get("piAcp")).get("startupInfo") or "")

    def turn(self) -> None:
        """The agent begins a turn."""
        self._failing, self._failure = False, ""

    def heard(self, update: Mapping[str, Any]) -> str | None:
        """Why this is nothing that the model has said; None: it may be."""
        match update:
            case {"_meta": {"codex": {"threadStatus": {"type": str(status)}}}} if self._told:
                self._failing = status == "systemError"
            case {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": str(text)}}:
                if self._silent and text and (text == self._greeting or RETRYING.fullmatch(text)):
                    return "words of its adapter"
                if self._failing:
                    self._failure = (self._failure + text)[:MAX_FAILURE_CHARS]
            case _:
                pass
        return None

    def failure(self, *, silent: bool) -> str | None:
        """What went wrong in a turn that has ended well by its own account. `silent`: the model has said nothing."""
        if self._failing:
            return self._failure.strip() or "its model failed"
        return "it has ended its turn without a word: its model may have failed" if self._silent and silent else None
