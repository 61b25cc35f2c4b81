"""How an agent can be set: its mode, its model and its own options, in one shape, whatever shape it told them in. Pure.

A driver passes on what its agent says (`capabilities` of SessionInfo: `modes`, `models`, `options`, `commands`, as in
the Agent Client Protocol); nothing in it may be taken for granted.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, cast

from msgspec import UNSET, Struct, UnsetType

OURS: Final = frozenset(("kit", "mcp", "mcp_servers"))
"""Names that a driver is given something else under: no options of an agent."""


class Choice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value that an option can have."""

    value: str
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class Option(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Set with `configure`: `mode` and `model` by these names, any other in `options`. A `switch` is true or false;
    `value` is the present one."""

    name: str
    title: str
    kind: Literal["choice", "switch"] = "choice"
    value: Any = None
    choices: tuple[Choice, ...] = ()


class SessionOptions(Struct, frozen=True, kw_only=True):
    """How a session's agent can be set and is set. `live`: it is here; if not, `options` is empty, and `settings` is
    what it has said last."""

    options: tuple[Option, ...]
    settings: dict[str, Any]
    live: bool


class AgentCommand(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command of the agent's own. `hint`: what its arguments are."""

    name: str
    description: str = ""
    hint: str | UnsetType = UNSET


class CommandList(Struct, frozen=True, kw_only=True):
    """What the agent knows by name. `live`: it is here; if not, nothing is known."""

    commands: tuple[AgentCommand, ...]
    live: bool


def options_of(capabilities: Mapping[str, Any]) -> tuple[Option, ...]:
    """By name, each once: what an agent offers as an option of its own counts before `modes` and `models`."""
    found = (*_own(capabilities), *_listed(capabilities, "mode", "id"), *_listed(capabilities, "model", "modelId"))
    named: dict[str, Option] = {}
    for option in found:
        named.setdefault(option.name, option)
    return tuple(named.values())


def commands_of(capabilities: Mapping[str, Any]) -> tuple[AgentCommand, ...]:
    """In the agent's order."""
    return tuple(
        AgentCommand(
            name=each["name"],
            description=_text(each.get("description")) or "",
            hint=_text(_table(each.get("input")).get("hint")) or UNSET,
        )
        for each in _tables(capabilities.get("commands"))
        if isinstance(each.get("name"), str)
    )


def _own(capabilities: Mapping[str, Any]) -> Iterator[Option]:
    for each in _tables(capabilities.get("options")):
        name = each.get("category") if each.get("category") in ("mode", "model") else each.get("id")
        if not isinstance(name, str):
            continue
        switch = each.get("type") == "boolean"
        yield Option(
            name=name,
            title=_text(each.get("name")) or name,
            kind="switch" if switch else "choice",
            value=each.get("currentValue"),
            choices=() if switch else tuple(_choices(each.get("options"), "value")),
        )


def _listed(capabilities: Mapping[str, Any], name: str, key: str) -> Iterator[Option]:
    """`modes` or `models`, which have a field of their own."""
    table = _table(capabilities.get(f"{name}s"))
    choices = tuple(_choices(table.get(f"available{name.title()}s"), key))
    if choices:
        yield Option(name=name, title=name.title(), value=table.get(f"current{name.title()}Id"), choices=choices)


def _choices(values: Any, key: str) -> Iterator[Choice]:
    """Choices may stand in groups."""
    for each in _tables(values):
        if "options" in each:
            yield from _choices(each["options"], key)
        elif isinstance(value := each.get(key), str):
            name, about = _text(each.get("name")), _text(each.get("description"))
            yield Choice(value=value, name=name or UNSET, description=about or UNSET)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _tables(value: Any) -> list[dict[str, Any]]:
    listed = cast("list[Any]", value) if isinstance(value, list | tuple) else []
    return [_table(each) for each in listed if isinstance(each, dict)]
