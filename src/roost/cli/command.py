"""`roost command`: what an agent knows by name."""

import sys
from typing import Annotated, Literal

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url


def command(
    session: OneSession,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which to run. Else: all, in a list.")] = None,
    args: Annotated[list[str] | None, typer.Argument(metavar="ARGUMENTS", help="What it is given, as text.")] = None,
    delivery: Annotated[
        Literal["prompt", "steer", "queue"],
        typer.Option("--delivery", help="While a run is open: `steer` joins it, `queue` waits for its end."),
    ] = "prompt",
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it is recorded.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Commands are listed while the agent is here. To run one is a run like any other, and wakes a session that sleeps.
    With --json: the list, one a line; of a run, its events."""
    import anyio

    if name is None:
        return anyio.run(_list, session, as_json, url, data)
    return anyio.run(_run, session, name, " ".join(args or ()), delivery, detach, as_json, url, data)


async def _list(session: str, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import print_struct
    from roost.cli.words import inline, one_line

    async with open_client(url, data) as client:
        found = await (await find_session(client, session)).commands()
    for each in found:
        if as_json:
            print_struct(each)
        else:
            print(f"/{inline(each.name)} {inline(each.hint or '')}".rstrip())
            print(f"    {one_line(each.description, 200)}")
    if not found and not as_json:
        print("no commands, or the agent is not here to say", file=sys.stderr)
    return codes.OK


async def _run(
    session: str,
    name: str,
    args: str,
    delivery: Literal["prompt", "steer", "queue"],
    detach: bool,
    as_json: bool,
    url: Url,
    data: Data,
) -> int:
    from roost.cli.following import follow_accepted
    from roost.cli.hub import find_session, open_client

    async with open_client(url, data) as client:
        found = await find_session(client, session)
        accepted = await found.start_command(name, args, delivery=delivery)
        return await follow_accepted(found, accepted, session, detach=detach, as_json=as_json)
