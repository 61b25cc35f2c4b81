"""`roost ls`: which sessions there are."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from roost.model.info import SessionInfo

_STYLES = {"busy": "green", "asks": "yellow", "error": "red", "asleep": "dim", "archived": "dim", "failed": "red"}


def ls(
    everything: Annotated[bool, typer.Option("--all", "-a", help="Archived and hidden ones too.")] = False,
    agent: Annotated[str | None, typer.Option("--agent", help="Only those of this agent.")] = None,
    order: Annotated[Literal["created", "updated"], typer.Option("--order", help="Newest first by this.")] = "created",
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="At most so many; 0: all.")] = 50,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Status: `busy`, `asks` (something waits for a person), `idle`, `error` (the last run failed), `asleep`, and where
    a session is on its way: `creating`, `resuming`, `failed`, `archived`, `ended`. With --json: `{"sessions", "total"}`
    in one object."""
    import anyio

    return anyio.run(_ls, everything, agent, order, limit, as_json, url, data)


async def _ls(
    everything: bool, agent: str | None, order: Literal["created", "updated"], limit: int, as_json: bool,
    url: Url, data: Data,
) -> int:  # fmt: skip
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct, progress

    async with open_client(url, data) as client:
        with progress("asking the hub"):
            found = await client.list_sessions(
                hidden=everything, archived=everything, agent=agent, order=order, limit=limit or None
            )
    if as_json:
        print_struct(found)
    elif found.sessions:
        print_table(found.sessions)
        if len(found.sessions) < found.total:
            print(f"{found.total - len(found.sessions)} more: roost ls --limit 0")
    else:
        print('No sessions yet: roost run "task"' if everything else "No sessions here; archived ones: roost ls --all")
    return codes.OK


def status_of(info: "SessionInfo") -> str:
    """One word for people. What a session waits for goes before what it does."""
    if info.phase == "paused":
        return "asleep"
    if info.phase != "active":
        return info.phase
    return "asks" if info.pending else info.status


def print_table(sessions: "list[SessionInfo]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from roost.cli.terminal import STDOUT
    from roost.cli.words import age, folder, one_line
    from roost.model.ids import short_id

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("ID", "STATUS", "AGE", "AGENT", "LABEL", "FOLDER"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for info in sessions:
        status = status_of(info)
        where = info.workspace.path or info.workspace.root
        table.add_row(
            short_id(info.session), Text(status, _STYLES.get(status, "")), age(info.updated_at), info.agent,
            Text(one_line(info.label, 200)), Text(folder(where)),
        )  # fmt: skip
    console = Console(width=STDOUT.columns, no_color=not STDOUT.colour, highlight=False)
    console.print(table)
