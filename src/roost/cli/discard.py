"""`roost discard`: a session's work, given up."""

from typing import Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url


def discard(
    session: OneSession,
    force: Annotated[bool, typer.Option("--force", "-f", help="Also what is saved nowhere else.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """The worktree stands where its branch began again; ignored files stay. Without --force only what is merged or
    saved somewhere else is given up."""
    import anyio

    return anyio.run(_discard, session, force, as_json, url, data)


async def _discard(name: str, force: bool, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.terminal import print_struct
    from roost.cli.within import within

    done = await within(name, lambda session: session.discard(force=force), going_on="clearing", url=url, data=data)
    if as_json:
        print_struct(done)
    else:
        print(f"the workspace is at {done.commit[:12]} again")
    return codes.OK
