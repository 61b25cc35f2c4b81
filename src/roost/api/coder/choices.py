"""What there is to choose from in a session: models and how long they think, as its agent says it (PROTOCOL.md,
"Agents"), in the words of Pi's RPC mode. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from msgspec import Struct

from roost.api.coder import pi

THINKING: Final = "thought_level"
"""The category of the option that says how long a model thinks."""
MODEL: Final = "model"
NO_THINKING: Final = "off"

Table = Mapping[str, Any]


class Choice(Struct, frozen=True, kw_only=True):
    """One of several. `option`: what it is a value of, by its id; empty: of the model itself."""

    option: str
    value: str
    name: str
    chosen: bool = False


def models_of(capabilities: Table) -> list[Choice]:
    """By the option of that category, else by what older agents say; none: the agent names none."""
    found = _of_category(capabilities, MODEL)
    if found:
        return found
    models = _table(capabilities.get("models"))
    now = models.get("currentModelId")
    return [
        Choice(option="", value=str(one["modelId"]), name=str(one.get("name", "")), chosen=one["modelId"] == now)
        for one in _tables(models.get("availableModels"))
        if "modelId" in one
    ]


def thinking_of(capabilities: Table) -> list[Choice]:
    return _of_category(capabilities, THINKING)


def model_shape(choice: Choice) -> dict[str, Any]:
    """A model as Pi names one: its provider apart."""
    return {**pi.split(choice.value), "name": choice.name or choice.value, "api": pi.API}


def after(choices: list[Choice]) -> Choice | None:
    """The one behind that which is chosen now, around; None: there is no other."""
    if len(choices) < 2:
        return None
    now = next((number for number, one in enumerate(choices) if one.chosen), -1)
    return choices[(now + 1) % len(choices)]


def can(capabilities: Table, command: str) -> bool:
    """Whether a prompt that begins with `/COMMAND` means something to the agent."""
    return any(one.get("name") == command for one in _tables(capabilities.get("commands")))


def _of_category(capabilities: Table, category: str) -> list[Choice]:
    nothing: Table = {}
    option = next((one for one in _tables(capabilities.get("options")) if one.get("category") == category), nothing)
    now = option.get("currentValue")
    return [
        Choice(
            option=str(option.get("id", "")), value=str(one["value"]), name=str(one.get("name", "")),
            chosen=one["value"] == now,
        )
        for one in _values(option)
    ]  # fmt: skip


def _values(option: Table) -> Iterator[Table]:
    """They may stand in groups."""
    for one in _tables(option.get("options")):
        if "value" in one:
            yield one
        yield from (below for below in _tables(one.get("options")) if "value" in below)


def _table(given: Any) -> Table:
    return cast(Table, given) if isinstance(given, dict) else {}


def _tables(given: Any) -> list[Table]:
    return [_table(one) for one in cast("list[Any]", given)] if isinstance(given, list | tuple) else []
