"""`roost who`: who is attached to a session."""

from typing import Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url


def who(
    session: OneSession,
    left: Annotated[bool, typer.Option("--left", help="The last who have left, too.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Its agent, and every stream and socket: who may act (`controller`) or watch (`observer`), and by what. With
    --json one a line."""
    import anyio

    return anyio.run(_who, session, left, as_json, url, data)


async def _who(name: str, left: bool, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import print_struct
    from roost.cli.words import age, inline, padded

    async with open_client(url, data) as client:
        found = await (await find_session(client, name)).participants(disconnected=left)
    for each in found:
        if as_json:
            print_struct(each)
            continue
        user = each.user if not each.org else f"{each.user}@{each.org}"
        since = f"here for {age(each.since)}" if each.since else "here"
        if not each.connected:
            since = f"left {age(each.left)} ago" if each.left else "away"
        print(f"{padded(inline(user), 20)} {each.role:<10} {each.via:<7} {since}")
    return codes.OK
