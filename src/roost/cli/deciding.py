"""What `roost approve` and `roost reject` share."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from roost.cli import codes
from roost.cli.options import Data, Url

if TYPE_CHECKING:
    from roost.model.info import Accepted

Request = Annotated[str | None, typer.Option("--request", help="Which request; needed if several are open.")]


async def decide(
    name: str, reply: Literal["once", "always", "reject"], message: str | None, request: str | None, as_json: bool,
    url: Url, data: Data,
) -> int:  # fmt: skip
    """Answer the request that is meant; returns the exit code."""
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
