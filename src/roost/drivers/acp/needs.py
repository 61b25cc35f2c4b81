"""What an agent needs in a sandbox, from its row and the settings. Imported by hosts; nothing heavy here."""

import sys
from pathlib import Path

from roost.drivers.acp.agents import acp_agent
from roost.installs.places import FOLDER
from roost.model.sandbox import Needs
from roost.settings import AgentSettings


def needs_of(agent: str, own: AgentSettings | None, data: Path) -> Needs:
    """`data`: the data folder, in which agents may be installed. One that is no agent of these needs nothing."""
    row, own = acp_agent(agent, own), own or AgentSettings()
    if row is None:
        return Needs(network="none", programs=(sys.executable,))
    files = [word for word in row.command[1:] if word.startswith("/") and Path(word).is_file()]
    hosts = (*row.hosts, *own.hosts)
    return Needs(
        credentials=row.credentials,
        configuration=row.configuration,
        hosts=hosts,
        variables=row.keys,
        programs=(row.command[0], *row.programs),
        paths=(*files, *own.paths, str(data / FOLDER)),
        network="model" if hosts else "full",
    )
