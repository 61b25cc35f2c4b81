"""What of agents is installed in Roost's own folder, and where.

DATA/agents/
  claude -> versions/claude-1f0c9a3b7d52        one link for each agent; it changes at once, or not at all
  versions/claude-1f0c9a3b7d52/
    bin/                                        its commands, started with the Node of this folder
    node_modules/  package.json  package-lock.json
    installed.json                              which packages, of which version, with which Node
  node-24.19.0/                                 bin/node, lib/node_modules/npm
  drafts/                                       what is being made; nobody looks here
  cache/                                        what npm has fetched for an installation that is not done
  lock                                          held by whoever installs
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import msgspec
from msgspec import Struct

from roost.installs.pins import PINS, Pins
from roost.model.errors import AgentNotInstalled

FOLDER: Final = "agents"
"""In the data folder."""
MANIFEST: Final = "installed.json"
MAX_MANIFEST_BYTES: Final = 64 * 1024


class Manifest(Struct, frozen=True, kw_only=True):
    """`lock`: names the lock that it was installed by; `at`: when, in milliseconds."""

    agent: str
    packages: dict[str, str]
    node: str
    lock: str
    at: int


class Installed(Struct, frozen=True, kw_only=True):
    """An agent in Roost's own folder. `bin` holds its commands. `variables` are set for it. `current`: it is what this
    Roost would install."""

    agent: str
    bin: Path
    packages: dict[str, str]
    node: str
    variables: Mapping[str, str]
    current: bool

    def env(self, given: Mapping[str, str]) -> dict[str, str]:
        """What the agent is started with, beside what is `given`, which wins; its commands are found first."""
        path = given.get("PATH") or os.environ.get("PATH") or os.defpath
        return {**self.variables, **given, "PATH": f"{self.bin}{os.pathsep}{path}"}


class Installs:
    """Looks, and changes nothing; anew each time, since somebody may install one at any moment."""

    def __init__(self, root: Path, pins: Pins = PINS) -> None:
        """`root`: as in this module's picture; it need not exist."""
        self.root, self._pins = root, pins

    @classmethod
    def of(cls, data: Path) -> Self:
        """Those of a data folder."""
        return cls(data / FOLDER)

    def find(self, agent: str) -> Installed | None:
        """None: it is not installed here, or not whole."""
        folder = self.root / agent
        try:
            with (folder / MANIFEST).open("rb") as file:
                manifest = msgspec.json.decode(file.read(MAX_MANIFEST_BYTES), type=Manifest)
        except (OSError, msgspec.MsgspecError):
            return None
        if not (self.root / node_name(manifest.node) / "bin" / "node").exists():
            return None
        row = self._pins.rows.get(agent)
        return Installed(
            agent=agent,
            bin=folder / "bin",
            packages=manifest.packages,
            node=manifest.node,
            variables={name: value.format(bin=folder / "bin") for name, value in row.env.items()} if row else {},
            current=row is not None and manifest.lock == self._pins.lock_name(agent),
        )


def node_name(version: str) -> str:
    """Of the folder of Node."""
    return f"node-{version}"


def not_installed(agent: str, command: str, install: str) -> AgentNotInstalled:
    """That this agent cannot be started, and what to do: `install` is the command that gets it, empty if none does."""
    way = f"get it by `{install}`" if install else "there is no such command"
    told = f"{agent} is not installed: `{command}` is not in the PATH; {way}"
    return AgentNotInstalled(told, command=command, install=install)
