"""`roost label`: what a session is called."""

from typing import Annotated

import typer

from roost.cli.options import Data, Json, OneSession, Url


def label(
    session: OneSession,
    text: Annotated[str, typer.Argument(metavar="LABEL", help="At most 200 characters.", show_default=False)],
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Without a label of its own a session is called by the beginning of its task."""
    import anyio

    from roost.cli.each import for_each
    from roost.cli.words import inline

    async def main() -> int:
        return await for_each(
            [session], lambda found: found.update(label=text), going_on="naming", done=f"is now {inline(text)}",
            as_json=as_json, url=url, data=data,
        )  # fmt: skip

    return anyio.run(main)
