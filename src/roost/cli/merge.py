"""`roost merge`: a session's work into the branch it came from."""

from typing import Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url


def merge(
    session: OneSession,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Commit what is not committed yet, with this message.")
    ] = None,
    into: Annotated[str | None, typer.Option("--into", metavar="BRANCH", help="Another branch than that.")] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Clean, or not at all: after a conflict everything is as it was. If the branch is checked out, its folder moves
    along. A session that sleeps wakes."""
    import anyio

    return anyio.run(_merge, session, message, into, as_json, url, data)


async def _merge(name: str, message: str | None, into: str | None, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.terminal import print_struct
    from roost.cli.within import within
    from roost.cli.words import inline

    merged = await within(
        name, lambda session: session.merge(message=message, into=into), going_on="merging", url=url, data=data
    )
    if as_json:
        print_struct(merged)
    else:
        into = inline(merged.into)
        print(f"{into} is at {merged.commit[:12]}" if merged.changed else f"{into} has all of it already")
    return codes.OK
