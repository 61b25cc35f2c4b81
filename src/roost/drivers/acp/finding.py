"""Where the command of an agent is. Imported by the hub too, so nothing heavy here."""

from collections.abc import Mapping
from pathlib import Path
from shutil import which

from msgspec import Struct

from roost.drivers.acp.agents import AGENTS, AcpAgent
from roost.installs.places import Installed, Installs, not_installed
from roost.model.agents import Where


class Found(Struct, frozen=True, kw_only=True):
    """An agent's `command`, whose first word is absolute, and the environment that goes with it. `installed`: it is
    Roost's own."""

    where: Where
    command: tuple[str, ...]
    env: dict[str, str]
    installed: Installed | None = None


def find(agent: AcpAgent, env: Mapping[str, str], installs: Installs | None) -> Found:
    """In Roost's own folder first, then in the PATH of `env`, else in our own. A command of the settings is looked for
    in the PATH alone. Raises: AgentNotInstalled."""
    known = AGENTS.get(agent.name)
    is_ours = known is not None and known.command == agent.command
    given = {**agent.env, **env}
    installed = installs.find(agent.name) if is_ours and installs else None
    if installed is not None:
        given = installed.env(given)
    path = which(agent.command[0], path=given.get("PATH"))
    if path is None:
        raise not_installed(agent.name, agent.command[0], agent.install)
    where: Where = "settings" if not is_ours else "path"
    if installed is not None and Path(path).parent == installed.bin:
        where = "roost"
    else:
        installed = None
    return Found(where=where, command=(str(Path(path).absolute()), *agent.command[1:]), env=given, installed=installed)
