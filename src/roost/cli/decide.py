"""`roost approve` and `roost reject`: decide without saying what kind of request it is."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.model.info import Accepted

Request = Annotated[str | None, typer.Option("--request", help="Which request; needed if several are open.")]


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

    return anyio.run(_decide, session, "always" if always else "once", None, request, as_json, url, data)


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

    return anyio.run(_decide, session, "reject", message, request, as_json, url, data)


async def _decide(
    name: str, reply: Literal["once", "always", "reject"], message: str | None, request: str | None, as_json: bool,
    url: Url, data: Data,
) -> int:  # fmt: skip
    from roost.cli.answer import choose
    from roost.cli.hub import find_session, open_client
    from roost.cli.problems import UsageWrong
    from roost.cli.terminal import print_struct
    from roost.model.events import PermissionAsked

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        entry = choose(await session.pending(), request, session.id)
        accepted: Accepted
        if isinstance(entry.asked, PermissionAsked):
            accepted = await session.reply_to_permission(entry.request, reply, message)
        elif reply == "reject" and message is None:
            accepted = await session.reject_question(entry.request)
        else:
            raise UsageWrong(f"{entry.request} is a question: roost answer SESSION REPLY, or roost reject SESSION")
    if as_json:
        print_struct(accepted)
    else:
        print("rejected" if reply == "reject" else f"allowed {reply}")
    return codes.OK
