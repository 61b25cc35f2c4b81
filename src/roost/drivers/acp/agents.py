"""The agents that speak the Agent Client Protocol: one row each. An own agent is a row made from the settings.

Imported by the hub too, so nothing heavy here. What each agent really does: docs/reference/agents.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from roost.model.agents import AgentCan
from roost.settings import AgentSettings


class Quirk(StrEnum):
    """What an agent does that the protocol does not say; a row gives the reason."""

    NEVER_ASKS = "never_asks"
    """It asks for no permission. It runs in a sandbox, or if the settings insist."""
    NOT_LOADABLE = "not_loadable"
    """It says that it can load its sessions, and cannot be relied upon: a new one is seeded from our log."""
    NO_OUTPUT = "no_output"
    """It does not tell what its commands have printed."""
    OWN_FILES = "own_files"
    """It cannot write a new file through us: that there is none yet, it takes for a failure. It is not told that we
    could."""
    SILENT_FAILURE = "silent_failure"
    """A model error ends the turn as if it went well, without a word of the model: such a turn is an error."""
    TOLD_FAILURE = "told_failure"
    """A model error ends the turn as if it went well, and is told beside the answer: such a turn is an error."""


class AcpAgent(Struct, frozen=True, kw_only=True):
    """How to run one kind of agent. `credentials`: files it signs in with, relative to HOME; the first is there once it
    has been signed in, `keys` are variables that do instead; `login` is its command for that, `sign_in` says so.
    `configuration`: files it is set up with; `programs`: what else of its own it starts. `hosts`: where its models are,
    and its sign-in is renewed. `install`: how to get it. `mode`: what it is set to if the session names none. `tools`:
    Roost's own are offered to it."""

    name: str
    command: tuple[str, ...]
    env: dict[str, str] = {}
    credentials: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    login: tuple[str, ...] = ()
    sign_in: str = ""
    hosts: tuple[str, ...] = ()
    install: str = ""
    mode: str | None = None
    quirks: dict[Quirk, str] = {}
    insist: bool = False
    tools: bool = True
    can: AgentCan | None = None


_ROWS: Final = (
    AcpAgent(
        name="claude",
        command=("claude-agent-acp",),
        env={"DISABLE_AUTOUPDATER": "1"},
        credentials=(".claude/.credentials.json",),
        configuration=(".claude.json", ".claude/settings.json"),
        programs=("claude",),
        keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        login=("claude", "auth", "login"),
        sign_in="roost agents login claude, or set ANTHROPIC_API_KEY",
        hosts=("api.anthropic.com", "console.anthropic.com", "platform.claude.com"),  # the last two renew its token
        install="roost agents install claude",
        can=AgentCan(
            wakes="resume",
            modes=("default", "acceptEdits", "plan", "auto", "bypassPermissions"),
            models=True,
            mcp=("stdio", "http", "sse"),
            usage="cost",
        ),
    ),
    AcpAgent(
        name="codex",
        command=("codex-acp",),
        credentials=(".codex/auth.json",),
        configuration=(".codex/config.toml",),
        programs=("codex",),
        keys=("OPENAI_API_KEY", "CODEX_API_KEY"),
        login=("codex", "login"),
        sign_in="roost agents login codex, or set OPENAI_API_KEY",
        hosts=("api.openai.com", "chatgpt.com", "auth.openai.com"),
        install="roost agents install codex",
        can=AgentCan(
            wakes="resume",
            modes=("read-only", "workspace-write", "agent", "agent-full-access"),
            models=True,
            mcp=("stdio", "http"),
        ),
        quirks={
            Quirk.TOLD_FAILURE: "an error of the model is its answer, in JSON, and `end_turn`; the state of the "
            "thread, which it tells beside, is `systemError`",
        },
        mode="workspace-write",  # its own default sends approvals to a model instead of a person
    ),
    AcpAgent(
        name="opencode",
        command=("opencode", "acp"),
        env={"OPENCODE_DISABLE_AUTOUPDATE": "1"},
        credentials=(".local/share/opencode/auth.json",),
        configuration=(".config/opencode/opencode.json",),
        keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"),
        login=("opencode", "auth", "login"),
        sign_in="roost agents login opencode, or set the key of a provider",
        hosts=("models.dev", "api.anthropic.com", "api.openai.com", "opencode.ai"),
        install="roost agents install opencode",
        can=AgentCan(
            wakes="resume",
            asks="if-configured",
            modes=("build", "plan"),
            models=True,
            mcp=("stdio", "http", "sse"),
            usage="cost",
        ),
    ),
    AcpAgent(
        name="gemini",
        command=("gemini", "--acp"),
        env={"NO_BROWSER": "1"},
        credentials=(".gemini/oauth_creds.json", ".gemini/google_accounts.json"),
        configuration=(".gemini/settings.json",),
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
        login=("gemini",),
        sign_in="roost agents login gemini, or set GEMINI_API_KEY",
        hosts=("generativelanguage.googleapis.com", "cloudcode-pa.googleapis.com", "oauth2.googleapis.com"),
        install="roost agents install gemini",
        can=AgentCan(wakes="seed", modes=("default", "autoEdit", "yolo", "plan"), mcp=("stdio", "http", "sse")),
        quirks={
            Quirk.NOT_LOADABLE: "a session loads after the first restart, and is not found after the second; starting "
            "the agent deletes files of its sessions",
            Quirk.NO_OUTPUT: "of a command it tells that it is over, not what it has printed",
            Quirk.OWN_FILES: "told that a file which it wants to write is not there, it gives up",
        },
    ),
    AcpAgent(
        name="pi",
        command=("pi-acp",),
        env={"PI_SKIP_VERSION_CHECK": "1"},
        credentials=(".pi/agent/auth.json",),
        configuration=(".pi/agent/models.json", ".pi/agent/settings.json"),
        programs=("pi",),
        keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"),
        login=("pi",),
        sign_in="roost agents login pi and say /login, or set the key of a provider",
        hosts=("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com"),
        install="roost agents install pi",
        can=AgentCan(wakes="load", asks="never", models=True, usage="context"),
        quirks={
            Quirk.NEVER_ASKS: "its tools run without a request",
            Quirk.SILENT_FAILURE: "after an error of the model it says nothing, or that it has tried again, and "
            "`end_turn`",
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
        row = AcpAgent(name=name, command=own.command, env=own.env, insist=True, tools=own.tools)
        return row if own.command else None
    command = own.command or row.command
    return replace(row, command=command, env=row.env | own.env, insist=own.insist, tools=own.tools)
