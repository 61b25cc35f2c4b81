"""What was said before, for an agent that knows nothing of it any more."""

from contextlib import suppress
from typing import Final

from roost.model.conversation import Conversation
from roost.model.errors import InvalidBody
from roost.model.ids import RunId
from roost.model.lifecycle import RUN_ENDS
from roost.model.messages import Message, ToolPart
from roost.ports import Past

MAX_CHARS: Final = 48 * 1024
"""The end of the conversation, no more: it goes into one prompt."""
MAX_MESSAGE_CHARS: Final = 8 * 1024
INTRODUCTION: Final = (
    "This conversation began earlier, and you have lost sight of it. This is how it went, as far as it fits; go on "
    "from there, and do not answer it again.\n"
)


async def recollection(past: Past) -> str:
    """A text that begins the next prompt; empty: nothing was said in a run that has ended."""
    told, ended = Conversation(storing=False), set[RunId]()
    async for event in past.events():
        with suppress(InvalidBody):  # written by a version that knows more
            if isinstance(event.body, RUN_ENDS) and isinstance(event.run, str):
                ended.add(event.run)
            told.apply(event, None)
    lines: list[str] = []
    left = MAX_CHARS
    for message in reversed([each for each in told.messages if each.info.run in ended]):
        line = _line(message)
        left -= len(line)
        if left < 0:
            break
        lines.append(line)
    return "\n".join([INTRODUCTION, *reversed(lines), ""]) if lines else ""


def _line(message: Message) -> str:
    who = "User" if message.info.role == "user" else "You"
    tools = [
        f"[{part.state.title or part.tool}: {part.state.status}]"
        for part in message.parts
        if isinstance(part, ToolPart)
    ]
    text = message.text
    if len(text) > MAX_MESSAGE_CHARS:
        text = text[: MAX_MESSAGE_CHARS // 2] + "\n[...]\n" + text[-MAX_MESSAGE_CHARS // 2 :]
    return f"{who}: " + "\n".join([text, *tools] if text else tools)
