"""`roost send`: more to do for a session that exists."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from roost.cli.options import Attach, Data, Json, OneSession, Url


def send(
    session: OneSession,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What to do. `-`, or nothing with a pipe: read it from there.")
    ] = None,
    delivery: Annotated[
        Literal["prompt", "steer", "queue"],
        typer.Option("--delivery", help="While a run is open: `steer` joins it, `queue` waits for its end."),
    ] = "prompt",
    attach: Attach = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it is recorded.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """A sleeping session wakes. Ctrl-C leaves and the run goes on; a second Ctrl-C right after stops the run. With
    --json: the events as the wire carries them; with --detach, what was accepted."""
    import anyio

    from roost.cli.run import read_task

    return anyio.run(_send, session, read_task(text), delivery, attach or [], detach, as_json, url, data)


async def _send(
    name: str,
    text: str,
    delivery: Literal["prompt", "steer", "queue"],
    files: list[Path],
    detach: bool,
    as_json: bool,
    url: Url,
    data: Data,
) -> int:
    from roost.cli.attaching import with_files
    from roost.cli.following import follow_accepted
    from roost.cli.hub import find_session, open_client

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        accepted = await session.start(await with_files(client, text, files), delivery=delivery)
        return await follow_accepted(session, accepted, name, detach=detach, as_json=as_json)
