"""The agents that speak the Agent Client Protocol: one row each. An own agent is a row made from the settings.

Imported by the hub too, so nothing heavy here. What each agent really does: docs/reference/agents.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from roost.settings import AgentSettings


class Quirk(StrEnum):
    """What an agent does that the protocol does not say; a row gives the reason."""

    NEVER_ASKS = "never_asks"
    """It asks for no permission. Without a sandbox it starts only if the settings insist."""
    NOT_LOADABLE = "not_loadable"
    """It says that it can load its sessions, and cannot be relied upon: a new one is seeded from our log."""
    SILENT_FAILURE = "silent_failure"
    """A model error ends the turn as if it went well, without a word: such a turn is an error."""


class AcpAgent(Struct, frozen=True, kw_only=True):
    """How to run one kind of agent. `credentials`: files it signs in with, relative to HOME. `hosts`: where its models
    are. `install`: how to get it. `mode`: what it is set to if the session names none."""

    name: str
    command: tuple[str, ...]
    env: dict[str, str] = {}
    credentials: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    install: str = ""
    mode: str | None = None
    quirks: dict[Quirk, str] = {}
    insist: bool = False


_ROWS: Final = (
    AcpAgent(
        name="claude",
        command=("claude-agent-acp",),
        env={"DISABLE_AUTOUPDATER": "1"},
        credentials=(".claude/.credentials.json", ".claude.json"),
        hosts=("api.anthropic.com",),
        install="npm install -g @agentclientprotocol/claude-agent-acp@0.100.0",
    ),
    AcpAgent(
        name="codex",
        command=("codex-acp",),
        credentials=(".codex/auth.json", ".codex/config.toml"),
        hosts=("api.openai.com", "chatgpt.com"),
        install="npm install -g @agentclientprotocol/codex-acp@2.6.0",
        mode="workspace-write",  # its own default sends approvals to a model instead of a person
    ),
    AcpAgent(
        name="opencode",
        command=("opencode", "acp"),
        env={"OPENCODE_DISABLE_AUTOUPDATE": "1"},
        credentials=(".local/share/opencode/auth.json", ".config/opencode/opencode.json"),
        hosts=("models.dev", "api.anthropic.com", "api.openai.com", "opencode.ai"),
        install="npm install -g opencode-ai@1.18.33",
    ),
    AcpAgent(
        name="gemini",
        command=("gemini", "--acp"),
        env={"NO_BROWSER": "1"},
        credentials=(".gemini/oauth_creds.json", ".gemini/google_accounts.json", ".gemini/settings.json"),
        hosts=("generativelanguage.googleapis.com", "cloudcode-pa.googleapis.com", "oauth2.googleapis.com"),
        install="npm install -g @google/gemini-cli@0.61.0",
        quirks={
            Quirk.NOT_LOADABLE: "a session loads after the first restart, and is not found after the second; starting "
            "the agent deletes files of its sessions",
        },
    ),
    AcpAgent(
        name="pi",
        command=("pi-acp",),
        env={"PI_SKIP_VERSION_CHECK": "1"},
        credentials=(".pi/agent/auth.json", ".pi/agent/models.json", ".pi/agent/settings.json"),
        hosts=("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com"),
        install="npm install -g @earendil-works/pi-coding-agent@0.87.1 pi-acp@0.0.34",
        quirks={
            Quirk.NEVER_ASKS: "its tools run without a request",
            Quirk.SILENT_FAILURE: "after an error of the model it says nothing, and `end_turn`",
        },
    ),
)
AGENTS: Final[Mapping[str, AcpAgent]] = {row.name: row for row in _ROWS}


def acp_agent(name: str, own: AgentSettings | None) -> AcpAgent | None:
    """The row of this agent as the settings change it; None: it is no agent of ours, and the settings do not make it
    one."""
    row = AGENTS.get(name)
    if own is None:
        return row
    if row is None:
        return AcpAgent(name=name, command=own.command, env=own.env, insist=True) if own.command else None
    return AcpAgent(
        name=name,
        command=own.command or row.command,
        env=row.env | own.env,
        credentials=row.credentials,
        hosts=row.hosts,
        install=row.install,
        mode=row.mode,
        quirks=row.quirks,
        insist=own.insist,
    )
