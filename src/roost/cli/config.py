"""The one place where settings are read: flags, then `ROOST_...`, then a TOML file, then the defaults."""

import os
import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, Final, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields

from roost.cli.places import default_config
from roost.cli.problems import ConfigInvalid
from roost.settings import AgentSettings, GithubSettings, LinkSettings, Settings

MAY_BE_0: Final = {
    "idle_seconds": "never",
    "parked_seconds": "never",
    "paused_seconds": "never",
    "rate_per_second": "without limit",
    "warm_hosts": "none",
    "sandbox_memory_bytes": "without limit",
    "sandbox_processes": "without limit",
    "sandbox_cpus": "without limit",
}
"""Numbers that may be 0, and what that means."""
AMOUNTS: Final = ("_seconds", "_bytes", "_streams")
"""Endings of numbers of which there must be some."""
AGENT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
STORES: Final = ("sqlite", "memory")
INNER: Final[dict[str, dict[str, FieldInfo]]] = {
    "link": {field.name: field for field in fields(LinkSettings)},
    "github": {field.name: field for field in fields(GithubSettings)},
}
"""Settings that are tables, and what may stand in each; they have variables, and no flags."""
TABLES: Final = (*INNER, "agents")
"""The same and the agents, which are in the file alone."""
_FIELDS: Final[dict[str, FieldInfo]] = {field.name: field for field in fields(Settings)}
ENVIRONMENT: Final[dict[str, tuple[str, str]]] = {
    **{f"ROOST_{name.upper()}": ("", name) for name in _FIELDS if name not in TABLES},
    **{f"ROOST_{table.upper()}_{name.upper()}": (table, name) for table, inner in INNER.items() for name in inner},
}
"""Every variable that is a setting: the table it belongs to, and its name there."""
OTHER_VARIABLES: Final = frozenset(
    {
        "ROOST_URL",
        "ROOST_API_KEY",
        "ROOST_CONFIG",
        "ROOST_MARK",
        "ROOST_RUN",
        "ROOST_COMMAND",
        "ROOST_SCREEN",
        "ROOST_WALL",
    }
)


def read_settings(flags: Mapping[str, Any] | None = None, *, config: Path | None = None) -> Settings:
    """The settings of a hub here. Flags that are None were not given. `data` comes back absolute.

    Raises: ConfigInvalid: it names the source, the setting, and what is wrong.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    merged: dict[str, Any] = {}
    for source, values, strict in (_from_file(config), _from_environment(), ("the command line", given, True)):
        _check(source, values, strict=strict)
        inner = {table: {**merged.get(table, {}), **values.get(table, {})} for table in INNER}
        merged = {**merged, **values, **inner}
    settings = msgspec.convert(merged, Settings, strict=False)
    _check_beats(settings.link)
    return msgspec.structs.replace(settings, data=str(Path(settings.data).expanduser().absolute()))


def unknown_variables() -> list[str]:
    """Variables that look like ours and mean nothing; perhaps somebody misspelt one."""
    known = ENVIRONMENT.keys() | OTHER_VARIABLES
    return sorted(name for name in os.environ if name.startswith("ROOST_") and name not in known)


def _from_environment() -> tuple[str, dict[str, Any], bool]:
    values: dict[str, Any] = {}
    for variable, (table, name) in ENVIRONMENT.items():
        text = os.environ.get(variable)
        if not text:
            continue
        listed = get_origin((INNER[table] if table else _FIELDS)[name].type) is tuple
        value = [each.strip() for each in text.split(",") if each.strip()] if listed else text
        (values.setdefault(table, {}) if table else values)[name] = value
    return "the environment", values, False


def _from_file(config: Path | None) -> tuple[str, dict[str, Any], bool]:
    import tomllib

    named = config or (Path(os.environ["ROOST_CONFIG"]) if os.environ.get("ROOST_CONFIG") else None)
    path = named or default_config()
    try:
        return str(path), tomllib.loads(path.read_text(encoding="utf-8")), True
    except FileNotFoundError:
        if named:
            raise ConfigInvalid(f"{path}: there is no such file", file=str(path)) from None
        return str(path), {}, True
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigInvalid(f"{path}: {error}", file=str(path)) from None


def _check(source: str, values: Mapping[str, Any], *, strict: bool) -> None:
    inner = {table: _table(source, table, values[table]) for table in INNER if table in values}
    unknown = [_suggest(name, _FIELDS) for name in values if name not in _FIELDS]
    for table, given in inner.items():
        unknown += [_suggest(name, INNER[table], f"{table}.") for name in given if name not in INNER[table]]
    if unknown:
        raise ConfigInvalid(f"{source}: no such setting: {'; '.join(unknown)}")
    for name, value in values.items():
        if name not in INNER:
            _check_one(source, name, value, _FIELDS[name], strict=strict)
    for table, given in inner.items():
        for name, value in given.items():
            _check_one(source, f"{table}.{name}", value, INNER[table][name], strict=strict)


def _table(source: str, table: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigInvalid(f"{source}: {table} is a table: [{table}]")
    return {str(name): each for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]  # TOML


def _check_one(source: str, name: str, value: Any, field: FieldInfo, *, strict: bool) -> None:
    try:
        meant: Any = _convert(value, field.type, strict)
    except msgspec.ValidationError as error:
        raise ConfigInvalid(f"{source}: {name} = {value!r}: {str(error).lower()}", setting=name) from None
    if wrong := _senseless(name, meant):
        raise ConfigInvalid(f"{source}: {name} = {value!r}: {wrong}", setting=name)


def _senseless(name: str, meant: Any) -> str | None:
    """What would make sense, if this does not."""
    if _endless(meant):
        return "a number that is finite"
    if name == "port" and not 0 <= meant <= 65535:
        return "a port is 0 (any that is free) to 65535"
    if name == "agents":
        return _senseless_agents(meant)
    if name == "store":
        return None if meant in STORES else f"one of {', '.join(STORES)}"
    if name in ("data", "host", "agent") and not meant.strip():
        return "not empty"
    if name in MAY_BE_0:
        return None if meant >= 0 else f"0 ({MAY_BE_0[name]}) or more"
    return None if not name.endswith(AMOUNTS) or meant > 0 else "more than 0"


def _senseless_agents(meant: Mapping[str, AgentSettings]) -> str | None:
    from roost.drivers import agent_names

    for name, own in meant.items():
        if not AGENT_NAME.fullmatch(name):
            return f"{name!r} is no name: small letters, digits, `-` and `_`"
        if name == "scripted":
            return "scripted is Roost's own, and cannot be another"
        if not (own.command or own.terminal or name in agent_names(())):
            return f"{name} needs a command, or one for its terminal: no agent of that name is known"
        try:
            re.compile(own.ready)
        except re.error as error:
            return f"a pattern that makes sense for {name}.ready: {error}"
    return None


def _endless(meant: object) -> bool:
    return isinstance(meant, float) and not isfinite(meant)


def _check_beats(link: LinkSettings) -> None:
    """Raises: ConfigInvalid: every link would be given up between two beats."""
    if link.heartbeat_seconds >= link.lost_after_seconds:
        told = f"{link.heartbeat_seconds:g}, and lost_after_seconds = {link.lost_after_seconds:g}"
        raise ConfigInvalid(
            f"link.heartbeat_seconds = {told}: a link must live longer than from one beat to the next",
            setting="link.heartbeat_seconds",
        )


def _convert(value: Any, kind: Any, strict: bool) -> Any:
    """Untyped, since only its caller knows what `kind` says."""
    return msgspec.convert(value, kind, strict=strict)


def _suggest(name: str, known: Mapping[str, object], prefix: str = "") -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    return f"{prefix}{name}" + (f" (did you mean {prefix}{close[0]}?)" if close else "")
