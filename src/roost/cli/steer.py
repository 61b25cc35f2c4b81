"""`roost steer`: say something into a run."""

from typing import Annotated

import typer

from roost.cli.options import Attach, Data, Json, OneSession, Url


def steer(
    session: OneSession,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What to say. `-`, or nothing with a pipe: read it from there.")
    ] = None,
    attach: Attach = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it is recorded.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """The agent takes it up as soon as it can, within its open run. Without one it starts a run, as `roost send` does.
    What came too late for the run gets a run of its own. With --json: the events, one a line; with --detach what was
    recorded."""
    from roost.cli.send import send

    return send(session, text, "steer", attach, detach, as_json, url, data)
