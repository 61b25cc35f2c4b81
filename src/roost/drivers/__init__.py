"""The drivers there are, and the agents that each can run. Import strings: a driver that is not used is never
imported."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from shutil import which
from typing import Any, Final

from msgspec.structs import replace

from roost.drivers.acp.agents import AGENTS, acp_agent
from roost.drivers.acp.needs import needs_of as needs_of
from roost.drivers.acp.survey import survey
from roost.drivers.terminal.agents import terminal_agent
from roost.installs.places import Installs
from roost.model.agents import Agent
from roost.model.errors import AgentUnknown
from roost.ports import Driver
from roost.settings import AgentSettings, Settings

DRIVERS: Final[dict[str, str]] = {
    "scripted": "roost.drivers.scripted.driver:ScriptedDriver",
    "acp": "roost.drivers.acp.driver:AcpDriver",
    "terminal": "roost.drivers.terminal.driver:TerminalDriver",
}


def agent_names(own: Iterable[str]) -> tuple[str, ...]:
    """Every agent a hub with these own ones can run."""
    return tuple(dict.fromkeys(["scripted", *AGENTS, *own]))


def survey_agents(settings: Settings) -> tuple[Agent, ...]:
    """What there is of each of them on this machine, for a hub with these settings. Blocks."""
    own = settings.agents
    told = {each.name: each for each in survey(own, Installs.of(Path(settings.data)), default=settings.agent)}
    for name in own:
        if name not in told and (row := terminal_agent(name, own[name])):
            told[name] = _shown_only(row.name, row.command[0], default=name == settings.agent)
    drivers = drivers_of(own)
    return tuple(replace(agent, drivers=drivers[name]) for name, agent in told.items())


def _shown_only(name: str, command: str, *, default: bool) -> Agent:
    """An agent of the settings that has a screen, and speaks no protocol."""
    path = which(command)
    if path is None:
        return Agent(name=name, default=default, installed=False)
    return Agent(name=name, default=default, where="settings", path=path)


def drivers_of(own: Mapping[str, AgentSettings]) -> dict[str, tuple[str, ...]]:
    """The same agents, each with the drivers that it may have, the first by default."""
    found: dict[str, tuple[str, ...]] = {}
    for name in agent_names(own):
        rows = {"acp": acp_agent(name, own.get(name)), "terminal": terminal_agent(name, own.get(name))}
        found[name] = ("scripted",) if name == "scripted" else tuple(driver for driver, row in rows.items() if row)
    return found


def load_driver(
    agent: str, own: AgentSettings | None = None, driver: str | None = None, *, data: Path | None = None
) -> Driver:
    """A new driver for this agent; `own`: what the settings say of it; `driver`: which, if it may have several; `data`:
    the data folder, in which agents may be installed. Raises: AgentUnknown."""
    if agent == "scripted":
        return _driver("scripted")()
    row, shown = acp_agent(agent, own), terminal_agent(agent, own)
    if shown is not None and (driver == "terminal" or row is None):
        return _driver("terminal")(shown, None if data is None else Installs.of(data))
    if row is None:
        known = sorted(agent_names(()))
        raise AgentUnknown(f"no agent is called {agent!r}; there are: {', '.join(known)}", known=known)
    return _driver("acp")(row, None if data is None else Installs.of(data))


def _driver(name: str) -> Any:
    module, _, found = DRIVERS[name].partition(":")
    return getattr(import_module(module), found)
