"""`roost native`: sessions that agents have had by themselves."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from roost.client import AsyncClient
    from roost.model.natives import NativeInfo

Action = Literal["ls", "import"]


def native(
    action: Annotated[Action, typer.Argument(help="`ls` or `import`.")] = "ls",
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="`import`: of the session, or how it begins.")
    ] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Of one agent: claude, codex, opencode or pi.")] = None,
    folder: Annotated[
        str | None, typer.Option("--folder", help="`ls`: begun there. `import`: where it goes on, if not where it was.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="`ls`: so many at most.")] = 50,
    again: Annotated[bool, typer.Option("--again", help="`import`: also if it is here already.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """What Claude Code, Codex, opencode and Pi keep of sessions that were had without Roost, on the hub's machine.
    `import` makes one a session of the hub, with its history; `roost send` goes on with it. Nothing of the agent's own
    is changed."""
    import anyio

    from roost.cli.problems import UsageWrong

    if (action == "ls") != (name is None):
        raise UsageWrong("`import` needs the id of a session, `ls` nothing: `roost native ls` lists them")
    if name is None:
        return anyio.run(_list, agent, folder, limit, as_json, url, data)
    return anyio.run(_import, name, agent, folder, again, as_json, url, data)


async def _list(agent: str | None, folder: str | None, limit: int, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct

    async with open_client(url, data) as client:
        found = await client.natives(agent=agent, folder=_absolute(folder), limit=limit)
    for each in found.natives:
        print_struct(each) if as_json else print(_line(each))
    if as_json:
        return codes.OK
    if not found.natives:
        print("no agent has such a session of its own on the hub's machine")
    if found.total > len(found.natives):
        print(f"{found.total - len(found.natives)} more: --limit")
    return codes.OK


async def _import(
    name: str, agent: str | None, folder: str | None, again: bool, as_json: bool, url: Url, data: Data
) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct, progress
    from roost.cli.words import inline

    async with open_client(url, data) as client:
        found = await _one(client, name, agent)
        with progress(f"importing {found.id}"):
            session = await client.import_native(found.agent, found.id, folder=_absolute(folder), again=again)
        info = await session.info()
    print_struct(info) if as_json else print(f"{info.session} {inline(info.label)}")
    return codes.OK


async def _one(client: "AsyncClient", name: str, agent: str | None) -> "NativeInfo":
    """Raises: NativeNotFound; UsageWrong: several begin like that."""
    from roost.cli.problems import UsageWrong
    from roost.model.errors import NativeNotFound
    from roost.model.natives import MAX_LISTED

    listed = (await client.natives(agent=agent, limit=MAX_LISTED)).natives
    whole = [each for each in listed if each.id == name]
    found = whole or [each for each in listed if each.id.startswith(name)]
    if not found:
        raise NativeNotFound(f"no agent has a session {name!r} of its own: `roost native ls`")
    if len(found) > 1:
        told = ", ".join(f"{each.agent} {each.id}" for each in found[:5])
        raise UsageWrong(f"several sessions begin with {name!r}: {told}; say more of the id, or --agent")
    return found[0]


def _absolute(folder: str | None) -> str | None:
    from pathlib import Path

    return None if folder is None else str(Path(folder).expanduser().absolute())


def _line(each: "NativeInfo") -> str:
    from roost.cli.words import age, inline, one_line, padded

    words = one_line(str(each.title or each.prompt or ""), 60)
    count = f"{each.messages}" if each.messages else "many" if each.prompt else "-"
    where, name = padded(inline(str(each.folder or "-")), 30), padded(inline(each.id), 37)
    here = f"  is {each.session}" if each.session else ""
    return f"{each.agent:<9}{name}{age(each.changed_at):>6} {count:>5}  {where} {words}{here}".rstrip()
