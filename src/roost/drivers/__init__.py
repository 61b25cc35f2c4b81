"""The drivers there are, by the name of their agent. Import strings: a driver that is not used is never imported."""

from importlib import import_module
from typing import Final

from roost.model.errors import AgentUnknown
from roost.ports import Driver

DRIVERS: Final[dict[str, str]] = {
    "scripted": "roost.drivers.scripted.driver:ScriptedDriver",
}


def load_driver(agent: str) -> Driver:
    """A new driver for this agent. Raises: AgentUnknown."""
    if agent not in DRIVERS:
        known = sorted(DRIVERS)
        raise AgentUnknown(f"no agent is called {agent!r}; there are: {', '.join(known)}", known=known)
    module, _, name = DRIVERS[agent].partition(":")
    return getattr(import_module(module), name)()
