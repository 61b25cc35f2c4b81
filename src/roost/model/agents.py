"""What is known of the agents that a hub can run."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

Where = Literal["built-in", "roost", "path", "settings"]
"""Where an agent comes from: Roost itself, its own folder of agents, the PATH of the hub, or a command of the
settings."""


class AgentCan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent can do, as far as it is known before it is started; a session's `capabilities` say it exactly.

    `wakes`: how it takes up its conversation after a sleep. `asks`: whether it asks before it acts (`if-configured`: by
    its own settings). `mcp`: the servers it can be given. `usage`: what it tells of what a run took.
    """

    wakes: Literal["resume", "load", "seed"]
    asks: Literal["always", "if-configured", "never"] = "always"
    modes: tuple[str, ...] = ()
    models: bool = False
    mcp: tuple[Literal["stdio", "http", "sse"], ...] = ()
    usage: Literal["cost", "tokens", "context"] = "tokens"


class Agent(Struct, frozen=True, kw_only=True):
    """An agent that the hub can run; `default` is the one of sessions that name none. `drivers`: those that a session
    may have it by, the first unless it names another.

    `where` it was found, and `path`: its command there; absent if it is not `installed`. `version`: of its
    package, if that can be seen without starting it. `outdated`: Roost would install another version.
    `logged_in`: whether a credential of it is there, absent if that cannot be seen; `login`: which file or variable
    that is, never what it holds. `install`, `sign_in`: what to do for either.
    """

    name: str
    default: bool = False
    drivers: tuple[str, ...] = ()
    installed: bool = True
    where: Where | UnsetType = UNSET
    path: str | UnsetType = UNSET
    version: str | UnsetType = UNSET
    outdated: bool = False
    logged_in: bool | UnsetType = UNSET
    login: str | UnsetType = UNSET
    install: str | UnsetType = UNSET
    sign_in: str | UnsetType = UNSET
    can: AgentCan | UnsetType = UNSET


class AgentList(Struct, frozen=True, kw_only=True):
    agents: tuple[Agent, ...]


def without_places(agent: Agent) -> Agent:
    """As it is told to whom the machine is none of their business."""
    return replace(agent, path=UNSET, login=UNSET)
