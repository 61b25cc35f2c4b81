"""The page of all events, from the structs, their docstrings and the section comments of their source."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, UNSET, Struct
from msgspec.structs import FieldInfo, fields

from roost.model import events, messages
from roost.model import values as carried
from roost.model.envelope import BODIES, DELTAS, decode_event
from roost.model.lifecycle import COMMANDS, FROM_HOST, MOVES_STATE, RUN_ENDS

ROOT: Final = Path(__file__).resolve().parents[2]
GOLDEN: Final = ROOT / "tests/golden/events.jsonl"

INTRO: Final = """# Events

Made by `make docs` from `events.py`, `values.py` and `messages.py` of `src/roost/model/`.

Every fact of a session is one event in its log, and every observer sees every event once, in order:

```json
{example}
```

| Field | Meaning |
|---|---|
| `seq` | the cursor: per session, from 1, without holes |
| `at` | milliseconds since the epoch, for people; it orders nothing |
| `run` | the run it belongs to, if any |
| `by` | the `Principal` who acted, where a person or a program did |
| `body` | what happened: its `type` and the fields below. The log keeps the body's bytes as they were written |

A field that is absent is left out, never `null`; so is one that has its default. Clients deliver types that they do not
know and ignore fields that they do not know. A body is at most {most} KiB. Which event may follow when is the
[lifecycle](lifecycle.md).

Under each name stands who writes it: the *host* beside the agent, or the *hub*. *State* events move `state_seq`, on
which decisions are compare-and-set. *Delta* events only stream a part: they are in the log and in every stream like the
others, but not in the hub's feed. *Command* events are those that the host acts on.

"""
MESSAGES: Final = """## Messages

Not events: what the conversation events come to, as snapshots and `GET /v1/sessions/{id}/messages` serve it.

"""


def page() -> str:
    example = next(line for line in GOLDEN.read_text(encoding="utf-8").splitlines() if '"run-phase"' in line)
    text = [INTRO.replace("{example}", example).replace("{most}", str(events.MAX_BODY_BYTES // 1024)), *_contents()]
    for title, bodies in sections().items():
        text += [f"## {title}\n\n", *(_event(body) for body in bodies)]
    text += ["## Values\n\nWhat bodies carry.\n\n", *(_struct(cls) for cls in values())]
    text += [MESSAGES, *(_struct(cls) for cls in served())]
    return "".join(text).rstrip() + "\n"


def sections() -> dict[str, list[type[events.Body]]]:
    """The bodies by the section of the source in which they stand."""
    title, found = "", dict[str, list[type[events.Body]]]()
    for line in inspect.getsource(events).splitlines():
        if heading := re.match(r"# --- (.+?) -+$", line):
            title = heading[1].capitalize()
        elif (name := re.match(r"class (\w+)\(", line)) and (cls := getattr(events, name[1])) in BODIES:
            found.setdefault(title, []).append(cls)
    return found


def values() -> list[type[Struct]]:
    return [cls for cls in _structs(carried) if cls is not carried.Fact]


def served() -> list[type[Struct]]:
    return [cls for cls in _structs(messages) if cls not in (messages.SaidPart, messages.StreamedPart)]


def _structs(module: Any) -> list[type[Struct]]:
    own = (cls for cls in vars(module).values() if inspect.isclass(cls) and cls.__module__ == module.__name__)
    return [cls for cls in own if issubclass(cls, Struct)]


def _contents() -> Iterator[str]:
    for title, bodies in sections().items():
        links = ", ".join(f"[`{tag(body)}`](#{tag(body)})" for body in bodies)
        yield f"- **{title}**: {links}\n"
    yield "\n"


def tag(cls: type[Struct]) -> str:
    return str(cls.__struct_config__.tag)


def _event(body: type[events.Body]) -> str:
    marks = [
        *(["host"] if body in FROM_HOST else []),
        *(["hub"] if body not in FROM_HOST or body in (*RUN_ENDS, events.Native) else []),
        *(["state"] if body in MOVES_STATE else []),
        *(["delta"] if body in DELTAS else []),
        *(["command"] if body in COMMANDS else []),
    ]
    return f"### {tag(body)}\n\n*{', '.join(marks)}*\n\n{_meaning(body)}{_fields(body)}{_golden()[tag(body)]}"


def _struct(cls: type[Struct]) -> str:
    kind = f'`"{cls.__struct_config__.tag_field}": "{tag(cls)}"`\n\n' if cls.__struct_config__.tag else ""
    return f"### {cls.__name__}\n\n{kind}{_meaning(cls)}{_fields(cls)}"


def _golden() -> dict[str, str]:
    """For each type its body in the golden lines."""
    read = [decode_event(line) for line in GOLDEN.read_bytes().splitlines()]
    return {event.type: f"```json\n{bytes(event.raw).decode()}\n```\n\n" for event in read}


def _meaning(cls: type[Struct]) -> str:
    return " ".join((cls.__doc__ or "").split()) + "\n\n"


def _fields(cls: type[Struct]) -> str:
    rows = [f"| `{field.encode_name}` | {type_name(field.type)} | {_default(field)} |\n" for field in fields(cls)]
    return "| Field | Type | |\n|---|---|---|\n" + "".join(rows) + "\n" if rows else ""


def _default(field: FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default is UNSET or field.default is None:
        return "optional"
    default = field.default_factory() if field.default is NODEFAULT else field.default
    if isinstance(default, Struct):
        return "optional"
    return f"default `{msgspec.json.encode(default).decode()}`"


NAMES: Final[dict[Any, str]] = {str: "string", int: "integer", float: "number", bool: "boolean", Any: "any JSON"}


def type_name(kind: Any) -> str:
    """A type as the wire has it. Structs link to where they are explained."""
    if kind in NAMES:
        return NAMES[kind]
    if hasattr(kind, "__supertype__"):
        return kind.__name__
    if inspect.isclass(kind) and issubclass(kind, Struct):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    origin, inner = get_origin(kind), [arg for arg in get_args(kind) if arg not in (msgspec.UnsetType, Ellipsis)]
    if origin is Literal:
        return " \\| ".join(f'`"{value}"`' for value in inner)
    if origin is tuple:
        return f"list of {type_name(inner[0])}"
    if origin is dict:
        return f"object of {type_name(inner[1])}"
    return " \\| ".join(type_name(arg) for arg in inner)


PAGES: Final[dict[str, Callable[[], str]]] = {"docs/reference/events.md": page}
