"""Who is measured. A peer is one file with one class (`peer.Peer`), and one line here."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from bench.peers.peer import Peer

PEERS: Final[Mapping[str, str]] = {
    "roost": "bench.peers.roost:Roost",
    "roost-scripted": "bench.peers.roost:Scripted",
    "opencode": "bench.peers.opencode:Opencode",
    "sandbox-agent": "bench.peers.sandbox_agent:SandboxAgent",
    "sandbox-agent-mock": "bench.peers.sandbox_agent:Mock",
    "openhands": "bench.peers.openhands:OpenHands",
    "langgraph": "bench.peers.langgraph:LangGraph",
}


def load(name: str) -> type[Peer]:
    module, _, found = PEERS[name].partition(":")
    return getattr(import_module(module), found)
