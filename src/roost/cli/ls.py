"""`roost ls`: which sessions there are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from roost.model.info import SessionInfo

STATUSES = ("creating", "active", "paused", "resuming", "failed", "archived")
BUCKETS = ("running", "paused", "provisioning", "history")
ACTIVITIES = ("active", "ready", "idle", "waiting_input", "blocked", "exited")
Visibility = Literal["private", "organization", "collaborate"]
COLUMNS: Final = ("ID", "STATUS", "AGE", "AGENT", "LABEL", "FOLDER")
Time = str | None
HOW = "`2h` ago, 2026-11-20, or 2026-11-20T09:30"
_STYLES = {"busy": "green", "asks": "yellow", "error": "red", "asleep": "dim", "archived": "dim", "failed": "red"}
_WORDS: Final = {"active": "busy", "waiting_input": "asks", "blocked": "error", "exited": "gone"}
"""What an agent is at, where people have a shorter word for it."""


def _option(flag: str, meaning: str) -> typer.models.OptionInfo:
    return typer.Option(flag, metavar="TIME", help=meaning)


def _choice(flag: str, known: tuple[str, ...], meaning: str) -> typer.models.OptionInfo:
    def check(given: list[str] | None) -> list[str] | None:
        for each in given or ():
            if each not in known:
                raise typer.BadParameter(f"{each!r} is not one of {', '.join(map(repr, known))}.")
        return given

    return typer.Option(flag, metavar="|".join(known), help=meaning, callback=check)


Everything = Annotated[bool, typer.Option("--all", "-a", help="Archived and hidden ones too.")]
Search = Annotated[
    str | None, typer.Option("--search", "-s", metavar="TEXT", help="With this in label, task or metadata.")
]
Statuses = Annotated[list[str] | None, _choice("--status", STATUSES, "Where it is in its life; repeats: any of them.")]
Buckets = Annotated[list[str] | None, _choice("--bucket", BUCKETS, "Where lists keep it; repeats: any of them.")]
Activities = Annotated[
    list[str] | None, _choice("--activity", ACTIVITIES, "What its agent is at; repeats: any of them.")
]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="With this tag; repeats: all.")]
Folder = Annotated[Path | None, typer.Option("--folder", metavar="FOLDER", help="In this project folder, or below it.")]
Seen = Annotated[Visibility | None, typer.Option("--visibility", help="Seen by these.")]


def ls(
    everything: Everything = False,
    search: Search = None,
    status: Statuses = None,
    bucket: Buckets = None,
    activity: Activities = None,
    tag: Tags = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Only those of this agent.")] = None,
    folder: Folder = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="USER", help="Only this user's.")] = None,
    visibility: Seen = None,
    created_since: Annotated[Time, _option("--created-since", f"Made then or later: {HOW}.")] = None,
    created_before: Annotated[Time, _option("--created-before", "Made earlier.")] = None,
    updated_since: Annotated[Time, _option("--updated-since", "Changed then or later.")] = None,
    updated_before: Annotated[Time, _option("--updated-before", "Not changed since.")] = None,
    counts: Annotated[bool, typer.Option("--counts", help="How many there are, by status.")] = False,
    order: Annotated[Literal["created", "updated"], typer.Option("--order", help="Newest first by this.")] = "created",
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="At most so many; 0: all.")] = 50,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Status: `busy`, `asks` (something waits for a person), `error` (the last run failed), `ready` (done, not long
    ago), `idle`, `asleep`, and where a session is on its way: `creating`, `resuming`, `failed`, `archived`, `ended`.
    Who needs you: --activity waiting_input --activity blocked. With --json: `{"sessions", "total"}` in one object; with
    --counts: `{"total", "statuses", "buckets"}`, where --status, --bucket, --activity and times do not count."""
    import anyio

    wanted: dict[str, Any] = {
        "search": search, "tags": tag, "folder": None if folder is None else str(folder.expanduser().absolute()),
        "owner": owner, "visibility": visibility, "agent": agent,
    }  # fmt: skip
    if counts:
        return anyio.run(_counts, _given(wanted) | {"hidden": everything}, as_json, url, data)
    wanted |= _moments(created_since, created_before, updated_since, updated_before)
    wanted |= {"status": status or None, "bucket": bucket or None, "activity": activity or None}
    wanted |= {"limit": limit or None, "order": order}
    archived = everything or bool(status or bucket)
    return anyio.run(_ls, _given(wanted) | {"hidden": everything, "archived": archived}, as_json, url, data)


def _given(wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None}


def _moments(*times: Time) -> dict[str, int | None]:
    from roost.cli.moments import moment

    names = ("created_from", "created_before", "updated_from", "updated_before")
    return {name: None if text is None else moment(text) for name, text in zip(names, times, strict=True)}


async def _counts(wanted: dict[str, Any], as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct

    async with open_client(url, data) as client:
        found = await client.counts(**wanted)
    if as_json:
        print_struct(found)
        return codes.OK
    for name, number in sorted(found.statuses.items()):
        print(f"{number:>7} {name}")
    print(f"{found.total:>7} in all")
    return codes.OK


async def _ls(wanted: dict[str, Any], as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct, progress

    everything = bool(wanted["hidden"])
    async with open_client(url, data) as client:
        with progress("asking the hub"):
            found = await client.list_sessions(**wanted)
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
    if not info.activity:  # of a hub that is older than this command
        return "asks" if info.pending else info.status
    return _WORDS.get(info.activity.state, info.activity.state)


def print_table(sessions: "list[SessionInfo]") -> None:
    """What does not fit into the terminal are ends of labels, and of folders; the columns before them stay whole."""
    from roost.cli.terminal import STDOUT
    from roost.cli.words import cells, one_line, padded

    rows = [COLUMNS, *(_row(info) for info in sessions)]
    widths = [max(cells(row[at]) for row in rows) for at in range(len(COLUMNS))]
    room = max(8, STDOUT.columns - sum(widths[:4]) - 2 * (len(COLUMNS) - 1))
    widths[5] = min(widths[5], max(room - widths[4], room // 2))
    widths[4] = min(widths[4], room - widths[5])
    for row in rows:
        id_, status, *others = (padded(one_line(text, width), width) for text, width in zip(row, widths, strict=True))
        style = _STYLES.get(row[1])
        line = "  ".join((id_, STDOUT.style(status, style) if style else status, *others)).rstrip()
        print(STDOUT.style(line, "dim") if row is COLUMNS else line)


def _row(info: "SessionInfo") -> tuple[str, ...]:
    from roost.cli.words import age, folder, inline
    from roost.model.ids import short_id

    where = folder(info.workspace.path or info.workspace.root)
    foreign = (inline(text) for text in (info.agent, info.label, where))
    return short_id(info.session), status_of(info), age(info.updated_at), *foreign
