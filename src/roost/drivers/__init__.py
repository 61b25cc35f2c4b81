"""The drivers there are, and the agents that each can run. Import strings: a driver that is not used is never
imported."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from roost.drivers.acp.agents import AGENTS, acp_agent
from roost.drivers.acp.needs import needs_of as needs_of
from roost.drivers.acp.survey import survey
from roost.installs.places import Installs
from roost.model.agents import Agent
from roost.model.errors import AgentUnknown
from roost.ports import Driver
from roost.settings import AgentSettings, Settings

DRIVERS: Final[dict[str, str]] = {
    "scripted": "roost.drivers.scripted.driver:ScriptedDriver",
    "acp": "roost.drivers.acp.driver:AcpDriver",
}


def agent_names(own: Iterable[str]) -> tuple[str, ...]:
    """Every agent a hub with these own ones can run."""
    return tuple(dict.fromkeys(["scripted", *AGENTS, *own]))


def survey_agents(settings: Settings) -> tuple[Agent, ...]:
    """What there is of each of them on this machine, for a hub with these settings. Blocks."""
    return survey(settings.agents, Installs.of(Path(settings.data)), default=settings.agent)


def load_driver(agent: str, own: AgentSettings | None = None, *, data: Path | None = None) -> Driver:
    """A new driver for this agent; `own`: what the settings say of it; `data`: the data folder, in which agents may be
    installed. Raises: AgentUnknown."""
    if agent == "scripted":
        return _driver("scripted")()
    row = acp_agent(agent, own)
    if row is None:
        known = sorted(agent_names(()))
        raise AgentUnknown(f"no agent is called {agent!r}; there are: {', '.join(known)}", known=known)
    return _driver("acp")(row, None if data is None else Installs.of(data))


def _driver(name: str) -> Any:
    module, _, found = DRIVERS[name].partition(":")
    return getattr(import_module(module), found)
