"""The page of all settings, from the settings structs, their source, and the flags of `roost up`."""

import ast
import inspect
from collections.abc import Callable
from itertools import pairwise
from typing import Final, Literal, get_args, get_origin

import msgspec
from msgspec import NODEFAULT
from msgspec.structs import FieldInfo, fields

from roost import settings
from roost.cli.config import TABLES
from roost.cli.entry import load
from roost.settings import AgentSettings, GithubSettings, LinkSettings, Settings

INTRO: Final = """# Settings

Made by `make docs` from the code.

A hub reads its settings once, when it starts. A flag of `roost up` wins over the environment, the environment over the
TOML file, the file over the defaults. The file is the one that `--config` or `ROOST_CONFIG` names, else
`~/.config/roost/config.toml`, which need not exist. A name that is no setting, or a value that it cannot have, is an
error (`config_invalid`, exit code 2), not a warning.

```toml
# ~/.config/roost/config.toml
agent = "scripted"
port = 7878
allowed_hosts = ["roost.example.org"]

[link]
away_idle_seconds = 900.0
```

In the environment a list is written with commas: `ROOST_ALLOWED_HOSTS=roost.example.org,10.0.0.5`.
"""
AGENTS: Final = """## Agents

Each table `[agents.NAME]` of the TOML file is an agent of one's own, which sessions name as any other, or says what is
different about one that Roost knows ([agents](agents.md)). They have neither variables nor flags.

```toml
[agents.mine]
command = ["/opt/mine/bin/mine", "--acp"]
env = { MINE_MODEL = "large" }
```
"""
AGENTS_HEAD: Final = "| Setting | Type | Default | Meaning |\n|---|---|---|---|\n"
LINK: Final = """## Link

How a host and its hub keep in touch. In the TOML file they stand in the table `[link]`. They travel to each host when
it starts: hosts that run already keep theirs. They have no flags.
"""
GITHUB: Final = """## GitHub

How the hub signs in to GitHub ([connect GitHub](../howto/connect-github.md)): the table `[github]` of the TOML file.
They have no flags, since everybody on the machine can see those.
"""
LISTS: Final[dict[object, str]] = {tuple: "list of texts", dict: "table of texts"}
CLIENTS: Final = """## Other variables

They are no settings of a hub. The first three are read by commands and by the SDK, the others are marks that a host
gives to every process it starts, so that it can find them again and end them.

| Variable | Meaning |
|---|---|
"""
MEANINGS: Final = {
    "ROOST_URL": "The hub to talk to, by its address. Without it: the hub of `ROOST_DATA`, else of the default data "
    "folder.",
    "ROOST_API_KEY": "The key for it. For a hub on this machine it is read from the data folder.",
    "ROOST_CONFIG": "The settings file, in place of `~/.config/roost/config.toml`.",
    "ROOST_MARK": "A mark `<session>.<epoch>.<nonce>`: which host the process belongs to.",
    "ROOST_RUN": "A mark: the run that the process works for.",
    "ROOST_COMMAND": "A mark: the command that the process belongs to.",
    "ROOST_WALL": "A mark: the process is a wall of a sandbox, around others.",
    "ROOST_SCREEN": "A mark: the session whose screen the process runs on.",
}
HEAD: Final = "| Setting | Environment | Flag | Type | Default | Meaning |\n|---|---|---|---|---|---|\n"


def page() -> str:
    single = [field for field in fields(Settings) if field.name not in TABLES]
    hub = [_row(field, f"ROOST_{field.name.upper()}", _flags()) for field in single]
    agents = [_row(field, "", {}) for field in fields(AgentSettings)]
    github = [_row(field, f"ROOST_GITHUB_{field.name.upper()}", {}) for field in fields(GithubSettings)]
    link = [_row(field, f"ROOST_LINK_{field.name.upper()}", {}) for field in fields(LinkSettings)]
    clients = [f"| `{name}` | {meaning} |" for name, meaning in MEANINGS.items()]
    return "\n".join(
        [
            INTRO,
            "## Hub\n",
            HEAD + "\n".join(hub),
            "",
            AGENTS,
            AGENTS_HEAD + "\n".join(agents),
            "",
            GITHUB,
            HEAD + "\n".join(github),
            "",
            LINK,
            HEAD + "\n".join(link),
            "",
            CLIENTS + "\n".join(clients),
            "",
        ]
    )


def _row(field: FieldInfo, variable: str, flags: dict[str, str]) -> str:
    if not variable:
        return f"| `{field.name}` | {_type(field)} | {_default(field)} | {_meanings()[field.name]} |"
    flag = f"`{flags[field.name]}`" if field.name in flags else ""
    meaning = _meanings()[field.name].replace("|", "\\|")
    return f"| `{field.name}` | `{variable}` | {flag} | {_type(field)} | {_default(field)} | {meaning} |"


def _flags() -> dict[str, str]:
    """The flag of each setting that has one: parameters of `roost up` are named as their settings."""
    return {param.name: param.opts[0] for param in load("up").params if param.name in Settings.__struct_fields__}


def _meanings() -> dict[str, str]:
    """The text under each field in the source."""
    found: dict[str, str] = {}
    for struct in ast.parse(inspect.getsource(settings)).body:
        body = struct.body if isinstance(struct, ast.ClassDef) else []
        for before, after in pairwise(body):
            if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name):
                text = _text(after)
                found[before.target.id] = " ".join(text.split())
    return found


def _text(node: ast.stmt) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
        case _:
            return ""


def _type(field: FieldInfo) -> str:
    if get_origin(field.type) in LISTS:
        return LISTS[get_origin(field.type)]
    if get_origin(field.type) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(field.type))
    if field.name.endswith("_bytes"):
        return "bytes"
    kinds = [each for each in get_args(field.type) if each is not type(None)] or [field.type]
    number = "seconds" if field.name.endswith("_seconds") else "number"
    return {str: "text", bool: "true or false", int: "whole number", float: number}[kinds[0]]


def _default(field: FieldInfo) -> str:
    if field.default in (None, (), {}) or field.default is NODEFAULT:
        return "none"
    return f"`{msgspec.json.encode(field.default).decode()}`"  # for texts and numbers the same as TOML


PAGES: Final[dict[str, Callable[[], str]]] = {"docs/reference/settings.md": page}
