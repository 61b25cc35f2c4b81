"""`roost library`: what sessions can be given."""

from typing import Annotated, Any, Final, Literal

import typer
from msgspec import UNSET

from roost.cli import codes
from roost.cli.options import Data, Json, Url

Action = Literal["list", "show", "add", "rm", "refresh", "publish", "archive"]
METHODS: Final[dict[str, dict[str, str]]] = {
    "list": {"skill": "skills", "bucket": "buckets", "template": "templates", "persona": "personas"},
    "show": {"skill": "skill", "bucket": "bucket", "template": "template", "persona": "persona"},
    "add": {"skill": "save_skill", "bucket": "add_bucket", "template": "add_template", "persona": "add_persona"},
    "rm": {"skill": "delete_skill", "bucket": "delete_bucket", "template": "delete_template"},
    "refresh": {"template": "refresh_template"},
    "publish": {"persona": "publish_persona"},
    "archive": {"persona": "archive_persona"},
}
"""What each action is on each kind, in the words of the SDK."""
DONE: Final = {"add": "kept", "rm": "deleted", "refresh": "is prepared", "publish": "published", "archive": "archived"}


def library(
    action: Annotated[
        Action,
        typer.Argument(help="`list`, `show`, `add`, `rm`; `refresh` a template; `publish`, `archive` a persona."),
    ] = "list",
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="`skill`, `bucket`, `template` or `persona`.")
    ] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="An id, or a persona's slug. `add`: a file of JSON, or `-`.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Skills, buckets of them, templates (saved workspaces) and personas (custom agents). `add` takes the fields of
    `POST /v1/library/...`; `refresh`, `publish` and `archive` may leave the kind out. Start a session from a template
    with `roost run --template ID`."""
    import anyio

    from roost.cli.problems import UsageWrong

    kinds = METHODS[action]
    if kind is not None and name is None and len(kinds) == 1:
        kind, name = next(iter(kinds)), kind
    if kind is not None and kind not in kinds:
        raise UsageWrong(f"`{action}` is for {', '.join(kinds)}, not for {kind!r}")
    if (kind is None or name is None) and action != "list":
        raise UsageWrong(f"`{action}` needs a kind, and {'a file' if action == 'add' else 'the id of one'}")
    if action == "list":
        return anyio.run(_list, [kind] if kind else list(kinds), as_json, url, data)
    given = _fields(name or "") if action == "add" else name
    return anyio.run(_act, action, kind or "", given, as_json, url, data)


async def _list(kinds: list[str], as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct

    async with open_client(url, data) as client:
        for kind in kinds:
            for thing in await getattr(client.library(), METHODS["list"][kind])():
                print_struct(thing) if as_json else print(_line(kind, thing))
    return codes.OK


async def _act(action: str, kind: str, given: Any, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct

    async with open_client(url, data) as client:
        thing = await getattr(client.library(), METHODS[action][kind])(given)
    if as_json or action == "show":
        print_struct(thing)
    else:
        print(f"{thing.id} {DONE[action]}")
    return codes.OK


def _fields(source: str) -> dict[str, Any]:
    """What a file, or the standard input, holds. Raises: UsageWrong: that is no JSON object."""
    import sys
    from pathlib import Path

    import msgspec

    from roost.cli.problems import UsageWrong

    try:
        text = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return msgspec.json.decode(text, type=dict[str, Any])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageWrong(f"{source}: {error}") from None


def _line(kind: str, thing: Any) -> str:
    from roost.cli.words import age, inline, one_line, padded

    named, state = getattr(thing, "name", ""), ""
    if kind == "template":
        state = thing.preparation.status
    elif kind == "persona":
        named = thing.portrait.slug
        version = "" if thing.published is UNSET else f" {thing.published.version}{'+' if thing.changed else ''}"
        state = thing.lifecycle + version
    shared = "organisation" if thing.visibility == "organization" else "yours"
    told = f"{kind:<9} {padded(inline(thing.id), 24)} {padded(state, 12)} {shared:<12} {age(thing.updated_at):>7}"
    return f"{told}  {one_line(named, 60)}".rstrip()
