"""`roost answer`: decide what a session asks."""

from typing import TYPE_CHECKING, Annotated

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.client import AsyncSession
    from roost.model.info import Accepted
    from roost.model.record import Pending


def answer(
    session: OneSession,
    replies: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REPLY...]",
            help="To a permission: `once`, `always`, `reject`. To a question: a label, or own words; several: `a, b`.",
        ),
    ] = None,
    request: Annotated[str | None, typer.Option("--request", help="Which request; needed if several are open.")] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Reject, whatever it is.")] = False,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="With a rejection: what the agent should do instead.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """An answer is given once and counts for everybody; who comes second is told so (exit code 3). A permission that is
    rejected without a message stops the run. With --json: what was accepted."""
    import anyio

    return anyio.run(_answer, session, replies or [], request, reject, message, as_json, url, data)


async def _answer(
    name: str, replies: list[str], request: str | None, reject: bool, message: str | None, as_json: bool, url: Url,
    data: Data,
) -> int:  # fmt: skip
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import print_struct
    from roost.model.events import PermissionAsked

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        entry = choose(await session.pending(), request, session.id)
        if isinstance(entry.asked, PermissionAsked):
            accepted = await _permission(session, entry, replies, reject, message)
        else:
            accepted = await _question(session, entry, replies, reject, message)
    if as_json:
        print_struct(accepted)
    else:
        print("answered")
    return codes.OK


def choose(pending: "tuple[Pending, ...]", request: str | None, session: str) -> "Pending":
    """The request that is meant. Raises: PermissionNotFound; UsageWrong: several are open and none is named."""
    from roost.cli.problems import UsageWrong
    from roost.model.errors import PermissionNotFound

    if request is None and len(pending) > 1:
        names = ", ".join(entry.request for entry in pending)
        raise UsageWrong(f"{len(pending)} requests are open; say which with --request: {names}")
    found = [entry for entry in pending if request in (None, entry.request)]
    if not found:
        raise PermissionNotFound(f"Nothing is asked in {session}." if request is None else None, request=request)
    return found[0]


async def _permission(
    session: "AsyncSession", entry: "Pending", replies: list[str], reject: bool, message: str | None
) -> "Accepted":
    from roost.cli.problems import UsageWrong

    if reject or replies == ["reject"]:
        return await session.reply_to_permission(entry.request, "reject", message)
    if replies in (["once"], ["always"]) and message is None:
        return await session.reply_to_permission(entry.request, "once" if replies == ["once"] else "always")
    raise UsageWrong("a permission is answered with: once, always, or: reject [--message TEXT]")


async def _question(
    session: "AsyncSession", entry: "Pending", replies: list[str], reject: bool, message: str | None
) -> "Accepted":
    from roost.cli.problems import UsageWrong
    from roost.model.events import QuestionAsked

    assert isinstance(entry.asked, QuestionAsked)
    if message is not None:
        raise UsageWrong("--message goes with the rejection of a permission")
    if reject:
        return await session.reject_question(entry.request)
    questions = entry.asked.questions
    if len(replies) != len(questions):
        asked = "; ".join(question.question for question in questions)
        raise UsageWrong(f"give one REPLY for each of {len(questions)} questions: {asked}")
    answers = [
        [each.strip() for each in reply.split(",")] if question.multiple else [reply]
        for question, reply in zip(questions, replies, strict=True)
    ]
    return await session.answer_question(entry.request, answers)
