"""How the agent of a session can be set, in the words of the protocol. Pure.

What an agent says of itself is kept as it came (a session's `capabilities`), so most of it only has to be passed on.
"""

from collections.abc import Mapping
from typing import Any, Final

OPTIONS: Final = ("model", "mode")
"""Categories of options that a session has a word of its own for."""


class Choices:
    """What there is to choose, as it was told last."""

    def __init__(self) -> None:
        self._told: dict[str, Any] = {}

    def answer(self, can: Mapping[str, Any]) -> dict[str, Any]:
        """For the answer to `session/new` and its like; it counts as told."""
        self._told = _shown(can)
        return {name: value for name, value in self._told.items() if name != "commands"}

    def news(self, can: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Updates that say what has changed since."""
        before, now = self._told, _shown(can)
        self._told = now
        updates: list[dict[str, Any]] = []
        if now.get("commands", []) != before.get("commands", []):
            updates.append({"sessionUpdate": "available_commands_update", "availableCommands": now.get("commands", [])})
        mode = now.get("modes", {}).get("currentModeId")
        if mode and mode != before.get("modes", {}).get("currentModeId"):
            updates.append({"sessionUpdate": "current_mode_update", "currentModeId": mode})
        if now.get("configOptions", []) != before.get("configOptions", []):
            updates.append({"sessionUpdate": "config_option_update", "configOptions": now.get("configOptions", [])})
        return updates

    def option(self, name: str) -> Mapping[str, Any] | None:
        """An option by its id."""
        found = self._told.get("configOptions", [])
        return next((each for each in found if each.get("id") == name), None)

    @property
    def commands(self) -> list[dict[str, Any]]:
        return list(self._told.get("commands", []))

    @property
    def options(self) -> list[dict[str, Any]]:
        return list(self._told.get("configOptions", []))


def change_of(option: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """The arguments of `AsyncSession.configure` that set it."""
    category = option.get("category") or option.get("id")
    return {category: value} if category in OPTIONS else {"options": {str(option.get("id")): value}}


def _shown(can: Mapping[str, Any]) -> dict[str, Any]:
    names = {"modes": "modes", "models": "models", "options": "configOptions", "commands": "commands"}
    return {ours: can[name] for name, ours in names.items() if can.get(name)}
