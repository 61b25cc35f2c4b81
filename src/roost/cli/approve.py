"""`roost approve`: allow it."""

from typing import Annotated

import typer

from roost.cli.deciding import Request
from roost.cli.options import Data, Json, OneSession, Url


def approve(
    session: OneSession,
    always: Annotated[
        bool, typer.Option("--always", help="And what it proposes, for the rest of the session (`roost rules`).")
    ] = False,
    request: Request = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """It is allowed once, for everybody; who comes second is told so (exit code 3). With --json: what was accepted."""
    import anyio

    from roost.cli.deciding import decide

    return anyio.run(decide, session, "always" if always else "once", None, request, as_json, url, data)
