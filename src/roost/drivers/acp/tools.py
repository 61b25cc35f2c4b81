"""Roost's own tools, for any agent: to say how far its goal is, to publish a result, to ask its user something.

An agent that takes servers of tools is given them as one (mcp.py); another leaves files (reports.py). Either way they
become events of the run that goes on.
"""

import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from roost.drivers.acp.calls import MAX_FIELD_BYTES
from roost.model import events as e
from roost.model.errors import InvalidBody, RoostError
from roost.ports import Turn

MAX_KEY_CHARS: Final = 200
MAX_WORDS_CHARS: Final = 16 * 1024
Words = Annotated[str, Meta(max_length=MAX_WORDS_CHARS)]


class Goal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Say whether the goal you work towards is reached (`complete`), or what is still to be done (`continue`). In a
    loop this decides whether there is another iteration; `next_action` is then what you are asked to do in it."""

    status: Literal["continue", "complete"]
    summary: Words | UnsetType = UNSET
    next_action: Words | UnsetType = UNSET


class PublishArtifact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Hand over a result: a file of the workspace (`path`), or a text. The same `key` again is a new version of it."""

    key: Annotated[str, Meta(min_length=1, max_length=MAX_KEY_CHARS)]
    path: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    mime: Annotated[str, Meta(max_length=MAX_KEY_CHARS)] | UnsetType = UNSET


class AskQuestion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask your user something and wait for the answer, which may take long. `options`: what they may choose from; own
    words are always possible."""

    question: Annotated[str, Meta(min_length=1, max_length=MAX_WORDS_CHARS)]
    options: Annotated[tuple[Words, ...], Meta(max_length=20)] = ()
    multiple: bool = False


TOOLS: Final[dict[str, type[Struct]]] = {
    "goal": Goal,
    "publish_artifact": PublishArtifact,
    "ask_question": AskQuestion,
}


TOLD: Final = """\
You work in a session of Roost. Its tools, of the MCP server `roost`: `goal` says whether the goal you work towards is \
reached, `publish_artifact` hands over a result, `ask_question` asks your user and waits for the answer."""
NAMED: Final = ("mcp__roost__{}", "roost_{}", "{} (roost MCP Server)")
CALLS: Final = frozenset(form.format(tool) for form in NAMED for tool in TOOLS)
"""What agents call them when they ask whether they may be used: they may."""


class Tools:
    """Those of one agent. `turn`: the run that goes on, if there is one."""

    def __init__(self, turn: Callable[[], Turn | None]) -> None:
        self._turn = turn

    def listed(self) -> list[dict[str, Any]]:
        """As a server of tools tells them."""
        return [
            {
                "name": name,
                "description": " ".join((kind.__doc__ or "").split()),
                "inputSchema": _schema(kind),
                "_meta": {"anthropic/alwaysLoad": True},  # Claude Code shows others only to who looks for them
            }
            for name, kind in TOOLS.items()
        ]

    async def call(self, name: str, arguments: Any) -> str:
        """What the agent is told. Cancelled, a question is withdrawn. Raises: RoostError: it made no sense, or could
        not be done."""
        kind, turn = TOOLS.get(name), self._turn()
        if kind is None:
            raise InvalidBody(f"there is no tool {name!r}; there are: {', '.join(TOOLS)}")
        if turn is None:
            raise InvalidBody("no run goes on: there is nothing to say this of")
        try:
            given = msgspec.convert(arguments, kind)
        except msgspec.ValidationError as error:
            raise InvalidBody(f"{name}: {error}") from None
        match given:
            case Goal():
                about = {"summary": given.summary, "next_action": given.next_action}
                await turn.emit(e.GoalUpdated(status=given.status, **about))
                return "It is written down."
            case PublishArtifact():
                return await publish(turn, given)
            case AskQuestion():
                return await _ask(turn, given)
            case _:
                raise RoostError(f"{name} is not carried out")


async def publish(turn: Turn, given: PublishArtifact) -> str:
    """Raises: InvalidBody; what keeping a file raises."""
    if (given.path is UNSET) == (given.text is UNSET):
        raise InvalidBody("publish_artifact: give either `path` or `text`")
    name = given.key if given.path is UNSET else given.path
    text = given.text if given.text is not UNSET else ""
    guessed = mimetypes.guess_type(name)[0] or ("application/octet-stream" if given.path else "text/plain")
    mime = given.mime or guessed
    if given.path is UNSET and len(text.encode(errors="replace")) <= MAX_FIELD_BYTES:
        await turn.emit(e.ArtifactPublished(key=given.key, mime=mime, text=text))
    else:
        content = text.encode(errors="replace") if given.path is UNSET else Path(given.path)
        await turn.emit(e.ArtifactPublished(key=given.key, mime=mime, blob=await turn.keep(content, mime)))
    return f"{given.key} is published."


async def _ask(turn: Turn, given: AskQuestion) -> str:
    options = tuple(e.QuestionOption(label=label) for label in given.options)
    asked = e.Question(question=given.question, options=options, multiple=given.multiple, custom=True)
    reply = await turn.ask_question(asked)
    if reply.reply != "answer":
        return "Nobody has answered. Go on as you think best, or end your turn."
    return "\n".join(", ".join(answer) for answer in reply.answers)


def _schema(kind: type[Struct]) -> dict[str, Any]:
    """Of its arguments, as JSON Schema without references."""
    (_,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    return {name: value for name, value in components[kind.__name__].items() if name not in ("title", "description")}
