"""What encloses an agent and its tools: what is asked for, what is in force, what an agent needs through the walls."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from roost.model.values import Fact

SandboxKind = Literal["none", "bubblewrap"]
Network = Literal["none", "model", "full"]
"""What is reached from inside: nothing; the agent's model hosts alone; whatever its user reaches."""


class SandboxSpec(Fact, frozen=True, kw_only=True):
    """What is asked for. `auto`: the best there is; of the network what the agent needs. `memory` in bytes, `processes`
    at a time, `cpus` in cores: of everything inside together; absent: the hub's default; 0: no limit."""

    kind: Literal["auto", "none", "bubblewrap"] | UnsetType = UNSET
    network: Literal["auto", "none", "model", "full"] | UnsetType = UNSET
    memory: int | UnsetType = UNSET
    processes: int | UnsetType = UNSET
    cpus: float | UnsetType = UNSET


class Enclosure(Fact, frozen=True, kw_only=True):
    """What is in force for a host. `reason`: why there is no sandbox, though none was refused; `unapplied`: limits that
    were asked for and that this machine cannot set, each with its reason."""

    kind: SandboxKind = "none"
    network: Network = "full"
    memory: int | UnsetType = UNSET
    processes: int | UnsetType = UNSET
    cpus: float | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    unapplied: tuple[str, ...] = ()


class Needs(Struct, frozen=True, kw_only=True):
    """What an agent needs through the walls. `credentials`: files, relative to HOME, that it shares with its user and may
    write; `configuration`: such that it gets copies of. `hosts`: where its models are, `HOST` or `HOST:PORT`.
    `variables`: names that it inherits. `programs`: what it is started by. `paths`: what else it may read. `network`:
    what `auto` means for it."""

    credentials: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    network: Network = "full"


class Enclosed(Struct, frozen=True, kw_only=True):
    """How a command is started so that it runs inside: these words, with exactly this environment."""

    command: tuple[str, ...]
    env: dict[str, str]
