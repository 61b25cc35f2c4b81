"""`roost rm`: gone for good."""

from typing import Annotated

import typer

from roost.cli.options import Data, Json, ManySessions, Url


def rm(
    sessions: ManySessions,
    force: Annotated[bool, typer.Option("--force", "-f", help="Also if work would be lost.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """A folder that you named is never touched, and branches stay. Unsaved work in a folder that Roost made is
    protected: see --force. To keep the history, use `roost archive`. With --json: for each its id, and `kept`, a folder
    that was left in place."""
    import anyio

    from roost.cli.each import for_each

    async def main() -> int:
        return await for_each(
            sessions, lambda session: session.delete(force=force), going_on="deleting", done="is deleted",
            as_json=as_json, url=url, data=data,
        )  # fmt: skip

    return anyio.run(main)
