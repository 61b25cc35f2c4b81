"""The page of agents: the page beside their driver, and the table of those that are known."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from roost.drivers.acp.agents import AGENTS, AcpAgent
from roost.installs.pins import PINS

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
    "silent_failure": "such a turn ends the run with `agent_failed`",
}


def page() -> str:
    title, _, text = (ROOT / SOURCE).read_text(encoding="utf-8").partition("\n\n")
    rows = list(AGENTS.values())
    known = KNOWN + "\n".join(_known(row) for row in rows)
    files = FILES + "\n".join(_files(row) for row in rows)
    quirks = QUIRKS + "\n".join(line for row in rows for line in _quirks(row))
    modes = "\n".join(
        f"`{row.name}` is set to the mode `{row.mode}` unless the session names another." for row in rows if row.mode
    )
    parts = (f"{title}\n\nMade by `make docs` from the code and `{SOURCE}`.\n\n{text}", known, files, quirks, "", modes)
    return "\n".join(parts) + "\n"


def _known(row: AcpAgent) -> str:
    packages = ", ".join(f"`{name}@{version}`" for name, version in PINS.of(row.name).packages.items())
    return f"| `{row.name}` | `{' '.join(row.command)}` | {packages} | `{row.install}` |"


def _files(row: AcpAgent) -> str:
    return f"| `{row.name}` | {_listed(row.credentials)} | {_listed(row.configuration)} | {_listed(row.hosts)} |"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _quirks(row: AcpAgent) -> list[str]:
    return [f"| `{row.name}` | {why} | {FOLLOWS[quirk]} |" for quirk, why in row.quirks.items()]


PAGES: Final[dict[str, Callable[[], str]]] = {"docs/reference/agents.md": page}
