"""`roost hide`: off the lists."""

from typing import Annotated

import typer

from roost.cli.options import Data, Json, ManySessions, Url


def hide(
    sessions: ManySessions,
    undo: Annotated[bool, typer.Option("--undo", help="Show them again.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Hidden sessions work as before; lists leave them out, but for `roost ls --all`."""
    import anyio

    from roost.cli.each import for_each

    async def main() -> int:
        return await for_each(
            sessions, lambda session: session.update(hidden=not undo), going_on="changing",
            done="is in lists again" if undo else "is hidden", as_json=as_json, url=url, data=data,
        )  # fmt: skip

    return anyio.run(main)
