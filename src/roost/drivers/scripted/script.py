"""The language of scripts: a prompt `script:` + JSON list of steps, read and checked before anything happens. Pure."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from roost.model.errors import InvalidBody
from roost.model.events import Question, QuestionOption, Todo, Tokens

PREFIX = "script:"
MAX_SECONDS = 86_400.0

Seconds = Annotated[float, Meta(ge=0, le=MAX_SECONDS)]


class ScriptInvalid(InvalidBody):
    """The script cannot be carried out as it stands."""

    code = "script_invalid"


class _Value(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Deltas(_Value, frozen=True, kw_only=True):
    """`count` text deltas of `bytes` characters: 8 digits of the number, from 0, then dots."""

    count: Annotated[int, Meta(ge=0, le=99_999_999)]
    bytes: Annotated[int, Meta(ge=9, le=200_000)] = 64
    per_second: Annotated[float, Meta(ge=0)] = 0.0
    stamp: bool = False
    task: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class Write(_Value, frozen=True, kw_only=True):
    path: Annotated[str, Meta(min_length=1)]
    content: str


class Bash(_Value, frozen=True, kw_only=True):
    command: str


class Asking(_Value, frozen=True, kw_only=True):
    permission: str
    patterns: tuple[str, ...] = ()
    always: tuple[str, ...] = ()


class Usage(_Value, frozen=True, kw_only=True):
    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> Tokens:
        names = ("input", "output", "reasoning", "cache_read", "cache_write")
        return Tokens(**{name: getattr(self, name) for name in names})


class Artifact(_Value, frozen=True, kw_only=True):
    key: Annotated[str, Meta(min_length=1)]
    text: str = ""
    path: Annotated[str, Meta(min_length=1)] | UnsetType = UNSET
    mime: str = "text/plain"
    version: Annotated[int, Meta(ge=1)] = 1


class Fail(_Value, frozen=True, kw_only=True):
    message: str
    code: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")] = "scripted_failure"


class Goal(_Value, frozen=True, kw_only=True):
    status: Literal["continue", "complete"]
    summary: str | UnsetType = UNSET
    next_action: str | UnsetType = UNSET


class Choice(_Value, frozen=True, kw_only=True):
    question: str
    header: str | UnsetType = UNSET
    options: tuple[str | QuestionOption, ...] = ()
    multiple: bool = False
    custom: bool = False


class Step(_Value, frozen=True, kw_only=True):
    """One step as written: exactly one field is set."""

    text: str | UnsetType = UNSET
    deltas: Deltas | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    write: Write | UnsetType = UNSET
    bash: Bash | UnsetType = UNSET
    ask: Asking | UnsetType = UNSET
    question: str | Choice | UnsetType = UNSET
    todos: tuple[str | Todo, ...] | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    artifact: Artifact | UnsetType = UNSET
    files: Annotated[str, Meta(min_length=1)] | UnsetType = UNSET
    goal: Literal["continue", "complete"] | Goal | UnsetType = UNSET
    given: Literal[True] | UnsetType = UNSET
    config: Literal[True] | UnsetType = UNSET
    remember: str | UnsetType = UNSET
    recall: Literal[True] | UnsetType = UNSET
    sleep: Seconds | UnsetType = UNSET
    fail: str | Fail | UnsetType = UNSET
    crash: Literal[True] | UnsetType = UNSET
    hang: Literal[True] | UnsetType = UNSET

    @property
    def name(self) -> str:
        return next(name for name in self.__struct_fields__ if getattr(self, name) is not UNSET)


def is_script(prompt: str) -> bool:
    return prompt.lstrip().startswith(PREFIX)


def read_script(prompt: str) -> list[Step]:
    """The steps of a prompt for which `is_script` is true. Raises: ScriptInvalid: says which step, and why."""
    text = prompt.strip().removeprefix(PREFIX)
    try:
        written = msgspec.json.decode(text.encode(errors="replace"), type=list[msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise ScriptInvalid(f"the script is no JSON list of steps: {error}") from None
    return [_step(number, raw) for number, raw in enumerate(written, 1)]


def choice(written: str | Choice) -> Question:
    """A question as the log holds it."""
    if isinstance(written, str):
        return Question(question=written, custom=True)
    options = tuple(QuestionOption(label=o) if isinstance(o, str) else o for o in written.options)
    return Question(
        question=written.question,
        header=written.header,
        options=options,
        multiple=written.multiple,
        custom=written.custom,
    )


def todo_list(written: Sequence[str | Todo]) -> tuple[Todo, ...]:
    """A list of todos as the log holds it; a mere string becomes a pending one."""
    return tuple(
        Todo(id=str(number), content=todo) if isinstance(todo, str) else todo for number, todo in enumerate(written, 1)
    )


def verdict(written: Literal["continue", "complete"] | Goal) -> Goal:
    return Goal(status=written) if isinstance(written, str) else written


def failure(written: str | Fail) -> Fail:
    return Fail(message=written) if isinstance(written, str) else written


def _step(number: int, raw: msgspec.Raw) -> Step:
    try:
        step = msgspec.json.decode(raw, type=Step)
    except msgspec.MsgspecError as error:
        raise ScriptInvalid(f"step {number}: {error}") from None
    given = [name for name in step.__struct_fields__ if getattr(step, name) is not UNSET]
    if len(given) != 1:
        raise ScriptInvalid(f"step {number}: one thing per step, here are {', '.join(given) or 'none'}")
    return step
