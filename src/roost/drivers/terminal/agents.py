"""The agents that have a screen of their own, and what one must know to use it: one row each. An own agent is a row
made from the settings. Imported by the hub too, so nothing heavy here.

Where words differ between versions, the rows were written for those in docs/reference/agents.md.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from roost.settings import AgentSettings


class TerminalAgent(Struct, frozen=True, kw_only=True):
    """How to run one agent on a screen. `resume`: added to its command where it has worked before. `model`, `mode`:
    options that choose them. `busy`, `ready`, `asks`: patterns of lines that its screen shows while it works, waits for
    input, wants a person's decision. `install`: how to get it. `unattended`: why it starts only if the user insists."""

    name: str
    command: tuple[str, ...]
    env: dict[str, str] = {}
    resume: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    mode: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    install: str = ""
    unattended: str = ""
    insist: bool = False


_ROWS: Final = (
    TerminalAgent(
        name="claude",
        command=("claude",),
        env={"DISABLE_AUTOUPDATER": "1"},
        resume=("--continue",),
        model=("--model",),
        mode=("--permission-mode",),
        busy=(r"esc to interrupt",),
        asks=(r"^\W*❯ 1\. ",),
        install="roost agents install claude",
    ),
    TerminalAgent(
        name="codex",
        command=("codex", "--no-daemon"),  # else it leaves daemons that outlive its terminal
        resume=("resume", "--last"),
        model=("--model",),
        busy=(r"esc to interrupt",),
        asks=(r"^\W*› 1\. ",),
        install="roost agents install codex",
    ),
    TerminalAgent(
        name="opencode",
        command=("opencode",),
        env={"OPENCODE_DISABLE_AUTOUPDATE": "1"},
        resume=("--continue",),
        model=("--model",),
        mode=("--agent",),
        busy=(r"esc (again to )?interrupt",),
        asks=(r"Permission required",),
        install="roost agents install opencode",
    ),
    TerminalAgent(
        name="gemini",
        command=("gemini",),
        env={"NO_BROWSER": "1", "GEMINI_CLI_TRUST_WORKSPACE": "true"},
        model=("--model",),
        mode=("--approval-mode",),
        busy=(r"esc to cancel",),
        asks=(r"^\W*● 1\. ",),
        install="roost agents install gemini",
    ),
    TerminalAgent(
        name="pi",
        command=("pi",),
        env={"PI_SKIP_VERSION_CHECK": "1"},
        resume=("--continue",),
        model=("--model",),
        busy=(r"Working\.\.\.", r"esc to interrupt"),
        install="roost agents install pi",
        unattended="its tools run without a request",
    ),
)
AGENTS: Final[Mapping[str, TerminalAgent]] = {row.name: row for row in _ROWS}


def terminal_agent(name: str, own: AgentSettings | None) -> TerminalAgent | None:
    """The row of this agent as the settings change it; None: it has no screen that we know of."""
    row = AGENTS.get(name)
    if own is None:
        return row
    if row is None and not own.terminal:
        return None
    row = row or TerminalAgent(name=name, command=own.terminal, insist=True)
    return TerminalAgent(
        name=name,
        command=own.terminal or row.command,
        env=row.env | own.env,
        resume=row.resume,
        model=row.model,
        mode=row.mode,
        busy=row.busy,
        ready=(own.ready,) if own.ready else row.ready,
        asks=row.asks,
        install=row.install,
        unattended=row.unattended,
        insist=own.insist or row.insist,
    )
