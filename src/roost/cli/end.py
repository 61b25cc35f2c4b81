"""`roost end`: the workspace is gone, the history stays."""

from typing import Annotated

import typer

from roost.cli.options import Data, Json, ManySessions, Url


def end(
    sessions: ManySessions,
    force: Annotated[bool, typer.Option("--force", "-f", help="Also if work would be lost.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """What runs is stopped, and the folder that Roost made is removed; its branch stays, and so does a folder that you
    named. What was said and published can be read for ever. Unsaved work is protected: see --force. With --json: for
    each its id, its last event, and `kept`, a folder that was left in place."""
    import anyio

    from roost.cli.each import for_each

    async def main() -> int:
        return await for_each(
            sessions, lambda session: session.end(force=force), going_on="ending", done="is ended", as_json=as_json,
            url=url, data=data,
        )  # fmt: skip

    return anyio.run(main)
