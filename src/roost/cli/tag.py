"""`roost tag`: words to find sessions by."""

from typing import Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url


def tag(
    session: OneSession,
    add: Annotated[list[str] | None, typer.Argument(metavar="[TAG...]", help="Add these.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="TAG", help="Take this off.")] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Add or remove tags; without either, list them. Whoever changes others at the same time is not overruled.
    `roost ls --tag TAG` finds what has them."""
    import anyio

    return anyio.run(_tag, session, add or [], remove or [], as_json, url, data)


async def _tag(name: str, add: list[str], remove: list[str], as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import print_struct
    from roost.cli.words import inline

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        changes = add or remove
        info = await (session.update(add_tags=add, remove_tags=remove) if changes else session.info())
    if as_json:
        print_struct(info)
    else:
        print(inline(" ".join(info.tags)) or "no tags")
    return codes.OK
