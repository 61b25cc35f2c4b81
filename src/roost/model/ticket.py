"""What a host is given to start with."""

from typing import Any

from msgspec import Struct

from roost.model.events import Kit, McpServer, WorkspaceSpec
from roost.model.ids import Epoch, SessionId
from roost.model.sandbox import SandboxSpec


class Ticket(Struct, frozen=True, kw_only=True):
    """All a host needs to start, handed over by inherited descriptor: it holds the token and the session's env.
    `begun`: the kit's command has come to its end, in this host's time or an earlier one's."""

    session: SessionId
    epoch: Epoch
    token: str
    data: str
    agent: str
    workspace: WorkspaceSpec
    env: dict[str, str]
    settings: dict[str, Any]
    agent_settings: dict[str, Any] | None = None
    driver: str | None = None
    model: str | None = None
    options: dict[str, Any] = {}
    state: dict[str, Any] = {}
    kit: Kit = Kit()
    sandbox: SandboxSpec = SandboxSpec()
    unenclosed: str = ""
    begun: bool = False
    mcp: tuple[McpServer, ...] = ()
