"""The page of agents: the page beside their driver, and the table of those that are known."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from roost.drivers.acp.agents import AGENTS, AcpAgent, Quirk
from roost.installs.pins import PINS
from roost.model.agents import AgentCan

SOURCE: Final = "src/roost/drivers/acp/README.md"
ROOT: Final = Path(__file__).resolve().parents[2]
KNOWN: Final = """
## Agents that Roost knows

Versions are those that the table was written for, and that `roost agents install` fetches into Roost's own folder, with
a Node of their own. Roost looks there first, then in the `PATH`; `roost agents` says what there is. An agent of your
own is a table of the settings: [add your own agent](../howto/add-an-agent.md); so is a change to one of these.

| Agent | Command | Packages | Get it by |
|---|---|---|---|
"""
SEEN: Final = """
What each does with Roost, as the tests see it:

"""
ASKS: Final = {"always": "yes", "if-configured": "if its settings say so", "never": "never"}
WAKES: Final = {"resume": "`resumed`", "load": "`loaded`", "seed": "`seeded`"}
USAGE: Final = {"cost": "tokens and cost", "tokens": "tokens", "context": "how full the context is"}
FILES: Final = """
In a [sandbox](../explanation/sandbox.md) it has of its user's HOME the files that it signs in with, and copies of those
that it is set up with, and reaches these hosts:

| Agent | Signs in with | Set up with | Talks to |
|---|---|---|---|
"""
QUIRKS: Final = """
What they do that the protocol does not say, and what Roost makes of it:

| Agent | What it does | What follows |
|---|---|---|
"""
FOLLOWS: Final = {
    "never_asks": "it runs in a sandbox; without one it starts only with `insist = true` in its table of the settings: "
    "nobody is asked before it acts",
    "not_loadable": "it is never asked to load a session; a new one is `seeded`",
    "no_output": "the tool call has no output",
    "own_files": "it reads and writes by itself, not through Roost (`fs/*`)",
    "silent_failure": "such a turn ends the run with `agent_failed`",
    "told_failure": "such a turn ends the run with `agent_failed`, in these words",
}


def page() -> str:
    title, _, text = (ROOT / SOURCE).read_text(encoding="utf-8").partition("\n\n")
    rows = list(AGENTS.values())
    known = KNOWN + "\n".join(_known(row) for row in rows)
    seen = SEEN + "\n".join(_seen(rows))
    files = FILES + "\n".join(_files(row) for row in rows)
    quirks = QUIRKS + "\n".join(line for row in rows for line in _quirks(row))
    modes = "\n".join(
        f"`{row.name}` is set to the mode `{row.mode}` unless the session names another." for row in rows if row.mode
    )
    parts = (
        f"{title}\n\nMade by `make docs` from the code and `{SOURCE}`.\n\n{text}",
        known,
        seen,
        files,
        quirks,
        "",
        modes,
    )
    return "\n".join(parts) + "\n"


def _known(row: AcpAgent) -> str:
    packages = ", ".join(f"`{name}@{version}`" for name, version in PINS.of(row.name).packages.items())
    return f"| `{row.name}` | `{' '.join(row.command)}` | {packages} | `{row.install}` |"


def _files(row: AcpAgent) -> str:
    return f"| `{row.name}` | {_listed(row.credentials)} | {_listed(row.configuration)} | {_listed(row.hosts)} |"


def _seen(rows: list[AcpAgent]) -> list[str]:
    """The compatibility table: a column for each agent."""
    lines = [["", *(f"`{row.name}`" for row in rows)], ["---"] * (len(rows) + 1)]
    lines += [[what, *(cell(row) for row in rows)] for what, cell in CELLS.items()]
    return [f"| {' | '.join(line)} |" for line in lines]


def _yes(row: AcpAgent) -> str:
    return "yes"


def _if_it_asks(row: AcpAgent) -> str:
    return "never asks" if Quirk.NEVER_ASKS in row.quirks else "yes"


def _can(row: AcpAgent) -> AgentCan:
    assert row.can is not None, f"{row.name} is known, so is what it can do"
    return row.can


def _failing(row: AcpAgent) -> str:
    told = {Quirk.SILENT_FAILURE: "`agent_failed`, without its reason"}
    return next((words for quirk, words in told.items() if quirk in row.quirks), "`agent_failed`")


CELLS: Final[dict[str, Callable[[AcpAgent], str]]] = {
    "writes a file and commits it": _yes,
    "asks before it acts": lambda row: ASKS[_can(row).asks],
    "allowed once; always, and not asked again": _if_it_asks,
    "rejected with words: told so in the same run": _if_it_asks,
    "aborted in mid-stream or mid-tool: no process left": _yes,
    "steered: at the end of its turn; queued: the next run": _yes,
    "its process, the host or the hub killed in mid-run: goes on": _yes,
    "wakes, and knows what was said": lambda row: WAKES[_can(row).wakes],
    "an error of its model": _failing,
    "output of its commands": lambda row: "no" if Quirk.NO_OUTPUT in row.quirks else "yes",
    "modes": lambda row: _listed(_can(row).modes) or "none",
    "MCP servers": lambda row: ", ".join(_can(row).mcp) or "none",
    "tells of its use": lambda row: USAGE[_can(row).usage],
}


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _quirks(row: AcpAgent) -> list[str]:
    return [f"| `{row.name}` | {why} | {FOLLOWS[quirk]} |" for quirk, why in row.quirks.items()]


PAGES: Final[dict[str, Callable[[], str]]] = {"docs/reference/agents.md": page}
