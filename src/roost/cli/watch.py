"""`roost watch`: all sessions, as it happens, and who needs a person."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from msgspec import UNSET

from roost.cli import codes
from roost.cli.options import Data, Json, Url
from roost.model import events as e

if TYPE_CHECKING:
    from roost.client import AsyncClient
    from roost.model.ids import SessionId
    from roost.model.info import SessionInfo
    from roost.model.stored import FeedEntry


def _asked(body: Any) -> str:
    if isinstance(body, e.PermissionAsked):
        return f"asks: may it {body.permission} {', '.join(body.patterns)}"
    return "asks: " + "; ".join(question.question for question in body.questions)


WORDS: Final[dict[type, tuple[Callable[[Any], str], str]]] = {
    e.SessionCreated: (lambda body: f"is new, for {body.owner.user}", "dim"),
    e.RunStart: (lambda _: "begins a run", "dim"),
    e.RunComplete: (lambda _: "is done", "green"),
    e.RunAborted: (lambda _: "was stopped", "yellow"),
    e.RunError: (lambda body: f"failed: {body.error.message}", "red"),
    e.PermissionAsked: (_asked, "yellow"),
    e.QuestionAsked: (_asked, "yellow"),
    e.PermissionReplied: (lambda body: f"was answered: {body.reply}", "dim"),
    e.QuestionReplied: (lambda body: f"was answered: {body.reply}", "dim"),
    e.RequestWithdrawn: (lambda _: "does not ask any more", "dim"),
    e.ActivitySeen: (lambda body: f"on its own screen: {body.state} ({body.evidence})", "yellow"),
    e.SessionPaused: (lambda _: "sleeps", "dim"),
    e.SessionFailed: (lambda body: f"could not start: {body.error.message}", "red"),
    e.SessionArchived: (lambda _: "is archived", "dim"),
    e.SessionEnded: (lambda _: "is ended", "dim"),
}
"""What is told of a session, how, and in which style."""
ASKS: Final = (e.PermissionAsked, e.QuestionAsked)


def watch(
    asks: Annotated[bool, typer.Option("--asks", help="Only what waits for a person.")] = False,
    once: Annotated[bool, typer.Option("--once", help="What waits for a person now, and no more.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """First what waits for a person: open requests, then sessions whose last run failed or whose agent waits on its own
    screen (not with --asks). Then what happens in all sessions you may see, until Ctrl-C. With --json: the requests,
    the sessions, and entries of the feed, one a line."""
    import anyio

    return anyio.run(_watch, asks, once, as_json, url, data)


async def _watch(asks: bool, once: bool, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct

    async with open_client(url, data) as client:
        head = (await client.read_feed("now", limit=1)).head
        labels: dict[str, str] = {}
        pending = await client.pending()
        stuck = [] if asks else await _stuck(client, {waiting.session for waiting in pending})
        if once and not pending and not stuck and not as_json:
            print("nothing waits for a person")
        for waiting in pending:
            labels[waiting.session] = waiting.label
            if as_json:
                print_struct(waiting)
            else:
                _say(waiting.request.at, waiting.session, waiting.label, _asked(waiting.request.asked), "yellow")
        for info in stuck:
            labels[info.session] = info.label
            if as_json:
                print_struct(info)
            elif info.activity:
                at = info.activity.since or info.updated_at
                _say(at, info.session, info.label, f"{info.activity.state}: {info.activity.evidence}", "red")
        if once:
            return codes.OK
        async for entry in client.feed(head):
            kind = type(entry.event.body) if entry.event is not UNSET else None
            if asks and kind not in ASKS:
                continue
            if as_json:
                print_struct(entry)
            elif kind in WORDS:
                await _tell(client, entry, labels)
    return codes.OK


async def _stuck(client: "AsyncClient", asking: "set[SessionId]") -> "list[SessionInfo]":
    """Sessions that need a person, though they have no open request; the oldest first."""
    found = (await client.list_sessions(activity=["waiting_input", "blocked"], archived=False)).sessions
    return [info for info in reversed(found) if info.session not in asking]


async def _tell(client: "AsyncClient", entry: "FeedEntry", labels: dict[str, str]) -> None:
    """One line. What a session is called is asked once."""
    from roost.model.errors import SessionNotFound

    if entry.event is UNSET:
        return
    body = entry.event.body
    if entry.session not in labels:
        try:
            labels[entry.session] = (await client.get_session(entry.session)).label
        except SessionNotFound:
            labels[entry.session] = ""
    if isinstance(body, e.SessionUpdated) and body.label is not UNSET:
        labels[entry.session] = body.label
    words, style = WORDS[type(body)]
    _say(entry.event.at, entry.session, labels[entry.session], words(body), style)


def _say(at: int, session: Any, label: str, words: str, style: str) -> None:
    from roost.cli.terminal import STDOUT
    from roost.cli.words import clock, one_line, padded
    from roost.model.ids import short_id

    told = STDOUT.style(one_line(words, 120), style)
    print(f"{clock(at)}  {short_id(session)}  {padded(one_line(label, 40), 40)}  {told}", flush=True)
