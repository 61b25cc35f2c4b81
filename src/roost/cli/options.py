"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

from roost.cli.completing import complete_session

Json = Annotated[bool, typer.Option("--json", help="Print JSON: one object a line; errors on stderr.")]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="The hub's address. Else ROOST_URL, else the data folder's.")
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="FOLDER", help="The data folder of a hub on this machine.")
]
OneSession = Annotated[
    str, typer.Argument(metavar="SESSION", help="Which session.", autocompletion=complete_session, show_default=False)
]
ManySessions = Annotated[
    list[str],
    typer.Argument(metavar="SESSION...", help="Which sessions.", autocompletion=complete_session, show_default=False),
]

Attach = Annotated[
    list[Path] | None,
    typer.Option("--attach", metavar="FILE", help="Hand this file over with it, such as a picture. Repeats."),
]

Env = Annotated[list[str] | None, typer.Option("--env", "-e", metavar="NAME=VALUE", help="A variable more. Repeats.")]


def variables_of(given: list[str]) -> dict[str, str]:
    """Raises: UsageWrong: one is not NAME=VALUE."""
    from roost.cli.problems import UsageWrong

    for each in given:
        if "=" not in each.strip("="):
            raise UsageWrong(f"--env {each}: write NAME=VALUE")
    return dict(each.split("=", 1) for each in given)


# --- what a session is given ------------------------------------------------------------------------------------------

Files = Annotated[
    list[str] | None,
    typer.Option("--file", metavar="[PATH=]FILE", help="Put this file into the workspace, there under this path."),
]
Skills = Annotated[
    list[Path] | None, typer.Option("--skill", metavar="FOLDER", help="A skill: a folder with a SKILL.md.")
]
Template = Annotated[
    str | None, typer.Option("--template", metavar="ID", help="Begin with this template: `roost library`.")
]
Persona = Annotated[
    str | None, typer.Option("--persona", metavar="SLUG", help="Work as this custom agent of the library.")
]
Begin = Annotated[
    str | None,
    typer.Option("--begin", metavar="COMMAND", help="Run this in its workspace before the agent starts: `make deps`."),
]
Mcp = Annotated[
    list[str] | None,
    typer.Option(
        "--mcp",
        metavar="FILE|NAME=SERVER",
        help="A server of tools: a file with `mcpServers`, or NAME=COMMAND, NAME=URL. Repeats.",
    ),
]
Goal = Annotated[
    str | None, typer.Option("--goal", metavar="TEXT", help="What a loop works towards, until the agent says: reached.")
]
Iterations = Annotated[
    int | None, typer.Option("--iterations", metavar="NUMBER", help="A loop of at most so many runs.")
]
Step = Annotated[
    bool | None, typer.Option("--step/--no-step", help="Each next iteration waits for a person.", show_default=False)
]
Attended = Annotated[
    bool | None, typer.Option("--attended/--alone", help="Go on only while somebody is attached.", show_default=False)
]
