"""The page of all commands, from the commands themselves."""

from collections.abc import Callable, Iterator
from inspect import cleandoc
from typing import Any, Final

from roost.cli import COMMANDS
from roost.cli.codes import MEANINGS
from roost.cli.entry import load
from roost.cli.examples import EXAMPLES

INTRO: Final = """# Commands

Made by `make docs` from the code; `roost COMMAND --help` says the same.

A session is named by its id, by the 12 digits of it, or by as few of the first digits as are unique. Every command
takes `--json`: then it prints one JSON object a line, and errors as JSON on stderr
(`{"error": {"code", "message", ...}}`). Settings of the hub are in [settings.md](settings.md).
"""
CODES: Final = """## Exit codes

| Code | Meaning |
|---|---|
"""


def page() -> str:
    rows = [f"| [`roost {name}`](#roost-{name}) | {line} |" for name, (_, line) in COMMANDS.items()]
    sections = ["\n".join(_command(name)) for name in COMMANDS]
    codes = [f"| {code} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join([INTRO, "| Command | |\n|---|---|", *rows, "", *sections, CODES + "\n".join(codes), ""])


def _command(name: str) -> Iterator[str]:
    command = load(name)
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and param.name != "help"]
    yield f"## roost {name}\n"
    usage = " ".join(["roost", name, "[OPTIONS]", *(_name(param) for param in arguments)])
    yield f"`{usage}`\n"
    yield cleandoc(command.help or "").replace("\n\n\n", "\n\n") + "\n"
    yield "| | |\n|---|---|"
    for param in (*arguments, *options):
        words = " ".join((param.help or "").split())
        yield f"| `{_name(param)}` | {words}{_default(param)} |"
    yield ""
    yield from (f"- `{typed}`" + (f": {why}" if why else "") for typed, why in EXAMPLES[name])
    yield ""


def _name(param: Any) -> str:
    """An argument as the usage shows it, an option with all its spellings and what it takes."""
    if param.param_type_name == "argument":
        named = str(param.metavar or param.name).strip("[]")
        return named if param.required else f"[{named}]"
    spelled = ", ".join([*param.opts, *param.secondary_opts])
    return spelled if param.is_flag else f"{spelled} {param.metavar or _kind(param.type)}"


def _kind(kind: Any) -> str:
    """What an option takes, for one whose declaration does not say so."""
    if choices := getattr(kind, "choices", ()):
        return "\\|".join(choices)
    return "NUMBER" if kind.name in ("int", "int range", "float") else "TEXT"


def _default(param: Any) -> str:
    said = param.param_type_name == "argument" or param.is_flag or not param.default
    return "" if said else f" [`{param.default}`]"


PAGES: Final[dict[str, Callable[[], str]]] = {"docs/reference/cli.md": page}
