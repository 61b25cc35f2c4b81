"""Which versions of the peers are measured. `locks/` has every package below them with its hash, and no address;
`make lock-peers` writes it anew. opencode is the one that Roost installs (src/roost/installs/pins.py)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from roost.installs.pins import Pinned, Pins

LOCKS: Final = Path(__file__).with_name("locks")
SANDBOX_AGENT: Final = Pinned(
    packages={"@sandbox-agent/cli": "0.4.2"},
    megabytes=100,
    natives={"sandbox-agent": "@sandbox-agent/cli-*/bin/sandbox-agent"},
)
NPM: Final = Pins({"sandbox-agent": SANDBOX_AGENT}, LOCKS)
"""The commands of these come in the same way as Roost's agents."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Packages of PyPI, and the Python that they are locked for."""

    packages: Mapping[str, str]
    python: tuple[int, int]
    built: tuple[str, ...] = ()
    """There is no wheel of these: they are built from what the lock names, by the setuptools that it names."""


PYTHON: Final[Mapping[str, Wanted]] = {
    "openhands": Wanted(
        packages={
            "openhands-agent-server": "1.58.0",
            "openhands-sdk": "1.58.0",
            "openhands-tools": "1.58.0",
            "setuptools": "80.9.0",
        },
        python=(3, 12),
        built=("func-timeout",),
    ),
    "langgraph": Wanted(
        packages={
            "langgraph": "1.2.22",
            "langgraph-api": "0.16.7",
            "langgraph-cli": "0.4.40",
            "langgraph-runtime-inmem": "0.36.7",
            "langchain-openai": "1.7.3",
            "setuptools": "80.9.0",
        },
        python=(3, 11),
        built=("forbiddenfruit",),
    ),
}
