"""The servers of tools that a session was given, as an agent is told of them; what it cannot use is refused. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from shutil import which
from typing import Any

from roost.drivers.acp.agents import AcpAgent
from roost.drivers.acp.raw import table
from roost.model.errors import McpUnsupported
from roost.model.mcp import OWN
from roost.model.values import McpServer


def servers_of(
    agent: AcpAgent, given: Iterable[McpServer], raw: Mapping[str, Any], path: str | None
) -> list[dict[str, Any]]:
    """`raw`: the agent's capabilities as it said them; `path`: where it finds commands. Raises: McpUnsupported."""
    return [_told(agent, server, table(raw.get("mcpCapabilities")), path) for server in given]


def own_server(door: Sequence[str] | None) -> list[dict[str, Any]]:
    """Roost's own, if it is offered."""
    return [] if door is None else [{"name": OWN, "command": door[0], "args": list(door[1:]), "env": []}]


def _told(agent: AcpAgent, server: McpServer, able: Mapping[str, Any], path: str | None) -> dict[str, Any]:
    if not takes(agent, server.type) or (server.type != "stdio" and not able.get(server.type)):
        raise McpUnsupported(
            f"{agent.name} cannot use the server {server.name!r}: it takes none of type `{server.type}`",
            server=server.name,
            type=server.type,
        )
    if server.type == "stdio":
        command = server.command or ""
        words = {"command": which(command, path=path) or command, "args": list(server.args)}
        return {"name": server.name, **words, "env": _pairs(server.env)}
    return {"type": server.type, "name": server.name, "url": server.url, "headers": _pairs(server.headers)}


def takes(agent: AcpAgent, kind: str) -> bool:
    """Whether it is known to use servers of this type, or nothing is known: some take them all, and use none."""
    return agent.can is None or kind in agent.can.mcp


def _pairs(given: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in given.items()]
