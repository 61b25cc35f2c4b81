"""Servers of tools, as they are given on the command line (`roost run --mcp`)."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roost.model.commands import McpRequest


def servers_of(given: Sequence[str]) -> "tuple[McpRequest, ...]":
    """From `NAME=COMMAND ARGUMENTS`, `NAME=URL`, or files as other programs have them: JSON with `mcpServers`, a table
    by name. Raises: UsageWrong."""
    return tuple(server for each in given for server in _servers(each))


def _servers(given: str) -> "Iterator[McpRequest]":
    import msgspec

    from roost.cli.problems import UsageWrong
    from roost.model.commands import McpRequest

    tables = _named(given) or _listed(Path(given))
    for name, table in tables.items():
        try:
            yield msgspec.convert({"name": name} | table, McpRequest)
        except msgspec.ValidationError as error:
            raise UsageWrong(f"--mcp {given}: {name}: {error}") from None


def _named(given: str) -> dict[str, Any]:
    """Empty: it is no NAME=SERVER, but a file."""
    from roost.cli.problems import UsageWrong

    name, equals, server = given.partition("=")
    if not equals or "/" in name:
        return {}
    if server.startswith(("http://", "https://")):
        return {name: {"type": "http", "url": server}}
    try:
        words = shlex.split(server)
    except ValueError as error:
        raise UsageWrong(f"--mcp {given}: {error}") from None
    if not words:
        raise UsageWrong(f"--mcp {given}: name a command or an address")
    return {name: {"command": words[0], "args": words[1:]}}


def _listed(path: Path) -> dict[str, Any]:
    import msgspec

    from roost.cli.problems import UsageWrong

    try:
        found = msgspec.json.decode(path.expanduser().read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise UsageWrong(f"--mcp {path} cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise UsageWrong(f"--mcp {path}: {error}") from None
    tables: Any = found.get("mcpServers")
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):  # pyright: ignore[reportUnknownVariableType,reportUnknownMemberType]
        raise UsageWrong(f"--mcp {path}: it has no `mcpServers`, a table by name")
    return {name: _plain(table) for name, table in tables.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    """Only what we know of; an address without a type is `http`."""
    names = ("type", "command", "args", "env", "url", "headers")
    kept = {name: table[name] for name in names if name in table}
    return kept if "type" in kept or "url" not in kept else kept | {"type": "http"}
