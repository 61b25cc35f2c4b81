"""The command that a session begins with, as a process of its runtime: live, as history, in a replay (hub-wire 11)."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from roost.api.coder.speech import Pair
from roost.model.events import CommandUpdated, InitialCommand
from roost.model.initial import InitialRun


def told(body: CommandUpdated) -> list[Pair]:
    """What an event about it becomes."""
    if body.status == "running":
        return [("runtime_process_start", {**_words(body.exec), "status": "running"})]
    output = [] if not body.output else [("runtime_process_output", {"output": body.output})]
    about: dict[str, Any] = {} if body.exit_code is UNSET else {"exitCode": body.exit_code}
    wrong = why(body)
    failed = [("runtime_process_error", {"error": wrong, **about})] if wrong else []
    return [*output, *failed, ("runtime_process_stop", {"status": body.status, **about})]


def shown(run: InitialRun) -> dict[str, Any]:
    """In a session's diagnostics."""
    about = {"status": run.status, "exitCode": run.exit_code, "output": run.output}
    error = UNSET if run.error is UNSET else msgspec.to_builtins(run.error)
    return {name: value for name, value in (about | {"error": error}).items() if value is not UNSET}


def runtime_of(command: InitialCommand, run: InitialRun) -> dict[str, Any]:
    """What an entry says of the process."""
    about: dict[str, Any] = {**_words(command.exec), "status": run.status}
    return about if run.exit_code is UNSET else about | {"exitCode": run.exit_code}


def _words(words: tuple[str, ...] | UnsetType) -> dict[str, Any]:
    return {"command": words[0], "args": list(words[1:])} if words else {}


def why(found: CommandUpdated | InitialRun) -> str:
    """What was wrong with it; empty: nothing."""
    if found.error is not UNSET:
        return found.error.message
    return "" if found.exit_code in (0, UNSET) else f"it ended with exit code {found.exit_code}"
