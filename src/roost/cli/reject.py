"""`roost reject`: refuse it."""

from typing import Annotated

import typer

from roost.cli.deciding import Request
from roost.cli.options import Data, Json, OneSession, Url


def reject(
    session: OneSession,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="What the agent should do instead; the run goes on.")
    ] = None,
    request: Request = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """A permission that is rejected without a message stops the run. The session's other open permissions are rejected
    with it. With --json: what was accepted."""
    import anyio

    from roost.cli.deciding import decide

    return anyio.run(decide, session, "reject", message, request, as_json, url, data)
