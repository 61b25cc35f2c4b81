"""`roost runs`: what a session was asked, and how that ended."""

from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import UNSET

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.client import AsyncSession
    from roost.model.record import Run


def runs(
    session: OneSession,
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="The events of this run, as JSON lines.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="The last so many.")] = 20,
    before: Annotated[int | None, typer.Option("--before", min=0, help="Those that began before this event.")] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Newest first. Older ones: `--before` the event at which the last one that is shown began."""
    import anyio

    return anyio.run(_runs, session, run, limit, before, as_json, url, data)


async def _runs(name: str, run: str | None, limit: int, before: int | None, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import print_list

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        if run is not None:
            await _events(session, run)
            return codes.OK
        found = await session.runs(before=before, limit=limit)
    print_list(found, _line, as_json=as_json, none="no runs")
    return codes.OK


async def _events(session: "AsyncSession", run: str) -> None:
    from roost.cli.following import print_json

    async for event in session.run_events(run):
        print_json(event)


def _line(run: "Run") -> str:
    from roost.cli.words import age, duration, inline, one_line

    words = f"{inline(run.run)}  {run.status:<10} event {run.start:<6}"
    if run.ended_at is UNSET:
        return f"{words} since {age(run.started_at)}"
    words += f" {duration(run.ended_at - run.started_at):>7}"
    if run.error is not UNSET:
        return f"{words}  {one_line(run.error.message, 80)} ({inline(run.error.code)})"
    said = run.result.text if run.result is not UNSET and run.result.text is not UNSET else ""
    return f"{words}  {one_line(said, 80)}".rstrip()
