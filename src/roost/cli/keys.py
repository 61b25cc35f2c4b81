"""`roost keys`: who may use this hub."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from msgspec import UNSET

from roost.cli import codes
from roost.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from roost.client import AsyncClient
    from roost.model.keys import KeyInfo, NewKey

Action = Literal["list", "add", "rotate", "revoke"]


def keys(
    action: Annotated[Action, typer.Argument(help="`list`, `add`, `rotate` or `revoke`.")] = "list",
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="`add`: the user. `rotate`, `revoke`: the key's id.")
    ] = None,
    org: Annotated[str | None, typer.Option("--org", help="`add`: the organisation; else your own.")] = None,
    scope: Annotated[
        Literal["observer", "controller", "admin"],
        typer.Option("--scope", help="`add`: `observer` may look, `controller` act, `admin` handle keys."),
    ] = "controller",
    label: Annotated[str, typer.Option("--label", help="`add`: what it is for.")] = "",
    days: Annotated[int | None, typer.Option("--days", min=1, help="`add`: good for so long; else for ever.")] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """A new key is printed once, alone on stdout, and kept nowhere: only its hash is. `rotate` gives a key a new text
    and `revoke` ends it; both end the streams that were opened with it."""
    import anyio

    from roost.cli.problems import UsageWrong

    if (action == "list") != (name is None):
        raise UsageWrong("`add` needs a user, `rotate` and `revoke` the id of a key, `list` nothing")
    return anyio.run(_keys, action, name or "", org, scope, label, days, as_json, url, data)


async def _keys(
    action: Action, name: str, org: str | None, scope: Literal["observer", "controller", "admin"], label: str,
    days: int | None, as_json: bool, url: Url, data: Data,
) -> int:  # fmt: skip
    import time

    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct

    async with open_client(url, data) as client:
        match action:
            case "list":
                await _list(client, as_json)
            case "add":
                expires = None if days is None else int((time.time() + days * 86_400) * 1000)
                made = await client.add_key(name, org=org, scope=scope, label=label, expires_at=expires)
                _show_new(made, as_json)
            case "rotate":
                _show_new(await client.rotate_key(name), as_json)
            case "revoke":
                done = await client.revoke_key(name)
                print_struct(done) if as_json else print(f"{done.id} is revoked")
    return codes.OK


async def _list(client: "AsyncClient", as_json: bool) -> None:
    from roost.cli.terminal import print_list

    print_list(await client.list_keys(), _line, as_json=as_json)


def _line(key: "KeyInfo") -> str:
    from roost.cli.words import age, inline, one_line, padded

    who = key.user if key.org is UNSET else f"{key.user}@{key.org}"
    state = "revoked" if key.revoked_at is not UNSET else "yours" if key.own else ""
    told = f"{key.id}  {padded(inline(who), 20)} {key.scope:<10} {age(key.created_at):>7}  {state:<7}"
    return f"{told} {one_line(key.label, 60)}".rstrip()


def _show_new(made: "NewKey", as_json: bool) -> None:
    import sys

    from roost.cli.terminal import STDERR, print_struct
    from roost.cli.words import inline

    if as_json:
        print_struct(made)
        return
    print(made.secret)
    words = f"key {made.key.id} of {inline(made.key.user)}, {made.key.scope}. It is not shown again: ROOST_API_KEY=..."
    print(STDERR.style(words, "dim"), file=sys.stderr)
