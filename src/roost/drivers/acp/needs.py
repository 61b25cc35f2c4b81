"""What an agent needs in a sandbox, from its row and the settings. Imported by hosts; nothing heavy here."""

import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import UNSET

from roost.drivers.acp.agents import AcpAgent, acp_agent
from roost.installs.places import FOLDER
from roost.model.sandbox import Needs
from roost.model.values import McpServer
from roost.settings import AgentSettings


def needs_of(agent: str, own: AgentSettings | None, data: Path, servers: Sequence[McpServer] = ()) -> Needs:
    """`data`: the data folder, in which agents may be installed; `servers`: of tools that its session was given. One
    that is no agent of these needs nothing."""
    row, own = acp_agent(agent, own), own or AgentSettings()
    if row is None and not own.terminal:
        return Needs(network="none", programs=(sys.executable,))
    row = row or AcpAgent(name=agent, command=own.terminal)
    words = [*row.command[1:], *own.terminal[1:], *(word for server in servers for word in server.args)]
    files = [word for word in words if word.startswith("/") and Path(word).is_file()]
    hosts = (*row.hosts, *own.hosts)
    reached = hosts and tuple(server.url.partition("?")[0] for server in servers if server.url is not UNSET)
    return Needs(
        credentials=row.credentials,
        configuration=row.configuration,
        hosts=(*hosts, *reached),
        variables=row.keys,
        programs=(
            row.command[0],
            *row.programs,
            *own.terminal[:1],
            *(server.command for server in servers if server.command),
        ),
        paths=(*files, *own.paths, str(data / FOLDER)),
        network="model" if hosts else "full",
    )
