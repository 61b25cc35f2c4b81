"""The real agents as `roost agents install` has put them there: whole, of the pinned version, with no network left."""

import subprocess
from pathlib import Path

from roost.drivers.acp.agents import AcpAgent
from roost.drivers.acp.survey import survey
from roost.installs.pins import PINS
from roost.installs.places import Installs
from tests.agents.installed import CACHE


def test_an_installed_agent_starts_with_a_node_of_its_own(agent: AcpAgent, alone: None, tmp_path: Path) -> None:
    found = Installs(CACHE).find(agent.name)
    assert found and found.current and found.packages == PINS.of(agent.name).packages
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}  # no Node of ours or of the system's is looked for
    command = [found.bin / agent.login[0], "--version"]
    told = subprocess.run(command, env=bare, capture_output=True, text=True, timeout=60, check=True)
    assert next(iter(found.packages.values())) in told.stdout
    (seen,) = [each for each in survey({}, Installs(CACHE), default=None) if each.name == agent.name]
    assert (seen.where, seen.path) == ("roost", str(found.bin / agent.command[0]))
