"""What an agent can do and how it is set, from its raw answers and updates; and how each setting is changed. Pure."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from roost.drivers.acp.agents import AcpAgent, Quirk
from roost.drivers.acp.raw import table, tables
from roost.model.options import options_of

MAX_TOLD_BYTES: Final = 60 * 1024
"""The link takes 64 KiB."""
MAX_TEXT_CHARS: Final = 200
"""Of a description; longer ones are cut."""

Call = tuple[str, dict[str, Any]]
"""A method of the agent, and its parameters beside the session."""


class Abilities:
    """Read from what the agent says, whatever version of the protocol it was written for: unknown fields stay."""

    UPDATES: ClassVar = (
        "available_commands_update", "current_mode_update", "config_option_update", "session_info_update",
    )  # fmt: skip

    def __init__(self, agent: AcpAgent, answer: Mapping[str, Any]) -> None:
        """`answer`: to `initialize`, as it came."""
        self._agent = agent
        self._info: dict[str, Any] = table(answer.get("agentInfo"))
        self._raw: dict[str, Any] = table(answer.get("agentCapabilities"))
        self._modes: dict[str, Any] = {}
        self._models: dict[str, Any] = {}
        self._options: list[dict[str, Any]] = []
        self._commands: list[dict[str, Any]] = []
        self._title: str | None = None
        self.tools = False
        """Roost's own tools are offered to it, and one of them asks questions."""

    @property
    def raw(self) -> Mapping[str, Any]:
        """As it said it."""
        return self._raw

    @property
    def prompt(self) -> Mapping[str, Any]:
        """What a prompt may hold beside text."""
        return table(self._raw.get("promptCapabilities"))

    @property
    def resumes(self) -> bool:
        """It takes up a session again without saying everything once more."""
        return table(self._raw.get("sessionCapabilities")).get("resume") is not None

    @property
    def loads(self) -> bool:
        return bool(self._raw.get("loadSession")) and Quirk.NOT_LOADABLE not in self._agent.quirks

    def opened(self, answer: Mapping[str, Any]) -> None:
        """The answer to `session/new`, `session/load`, `session/resume` or `session/set_config_option`."""
        self._modes = table(answer.get("modes")) or self._modes
        self._models = table(answer.get("models")) or self._models
        self._options = tables(answer.get("configOptions")) or self._options

    def update(self, given: Mapping[str, Any]) -> bool:
        """Whether this update says something new about it."""
        before = self.told()
        match given:
            case {"sessionUpdate": "available_commands_update", "availableCommands": [*commands]}:
                self._commands = tables(commands)
            case {"sessionUpdate": "current_mode_update", "currentModeId": str(mode)}:
                self._modes = self._modes | {"currentModeId": mode}
            case {"sessionUpdate": "config_option_update", "configOptions": [*options]}:
                self._options = tables(options)
            case {"sessionUpdate": "session_info_update", "title": str(title)}:
                self._title = title[:MAX_TEXT_CHARS]
            case _:
                return False
        return self.told() != before

    @property
    def settings(self) -> dict[str, Any]:
        """How it is set, by the names that `configure` has for it."""
        return {option.name: option.value for option in options_of(self._settable)}

    @property
    def commands(self) -> list[str]:
        return [str(each.get("name")) for each in self._commands]

    @property
    def _settable(self) -> dict[str, Any]:
        return {"modes": self._modes, "models": self._models, "options": self._options}

    def told(self) -> dict[str, Any]:
        """What clients are shown (PROTOCOL.md, "Agents"). What would make it too long is left out, the last first."""
        shown: dict[str, Any] = {
            "agent": {"name": self._agent.name, **self._info},
            "settable": list(self.settings),
            "steer": True,
            "questions": self.tools,
            "asks": Quirk.NEVER_ASKS not in self._agent.quirks,
            "title": self._title,
            **self._settable,
            "commands": [_command(each) for each in self._commands],
            "acp": self._raw,
        }
        kept: dict[str, Any] = {}
        for name, value in shown.items():
            wanted = name == "settable" or value not in (None, {}, [])
            if wanted and len(msgspec.json.encode(kept | {name: value})) <= MAX_TOLD_BYTES:
                kept[name] = value
        return kept

    def setting(self, name: str, value: Any) -> Call | None:
        """What sets `model`, `mode` or an option of its own to this; None: the agent has no such thing."""
        if name == "mode" and value in _ids(self._modes.get("availableModes"), "id"):
            return "session/set_mode", {"modeId": value}
        for option in self._options:
            if name not in (option.get("id"), option.get("category")):
                continue
            if option.get("type") == "boolean" and isinstance(value, bool):
                return "session/set_config_option", {"configId": option["id"], "type": "boolean", "value": value}
            if value in _values(option):
                return "session/set_config_option", {"configId": option["id"], "value": value}
        if name == "model" and value in _ids(self._models.get("availableModels"), "modelId"):
            return "session/set_model", {"modelId": value}
        return None

    def took(self, method: str, params: Mapping[str, Any]) -> None:
        """It was set to this and has not refused: many do not say so themselves."""
        if method == "session/set_mode":
            self._modes = self._modes | {"currentModeId": params["modeId"]}
            self._options = [_with_mode(option, params["modeId"]) for option in self._options]
        elif method == "session/set_model":
            self._models = self._models | {"currentModelId": params["modelId"]}

    def offered(self, name: str) -> str:
        """What there is to choose from, in words."""
        found = _ids(self._modes.get("availableModes"), "id") if name == "mode" else []
        found += _ids(self._models.get("availableModels"), "modelId") if name == "model" else []
        found += [*(v for o in self._options if name in (o.get("id"), o.get("category")) for v in _values(o))]
        return ", ".join(dict.fromkeys(found)) or "none to choose from"


def _ids(values: Any, field: str) -> list[str]:
    return [str(each[field]) for each in tables(values) if field in each]


def _values(option: Mapping[str, Any]) -> list[str]:
    """Of a choice, whose values may stand in groups."""
    found: list[str] = []
    for each in tables(option.get("options")):
        found += _ids(each["options"], "value") if "options" in each else _ids([each], "value")
    return found


def _with_mode(option: dict[str, Any], mode: str) -> dict[str, Any]:
    """Some agents tell their modes twice."""
    same = option.get("category") == "mode" and mode in _values(option)
    return option | {"currentValue": mode} if same else option


def _command(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, "description": str(given.get("description", ""))[:MAX_TEXT_CHARS]}
