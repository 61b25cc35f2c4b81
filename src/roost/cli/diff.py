"""`roost diff`: what a session has changed."""

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url
from roost.cli.within import Wake

if TYPE_CHECKING:
    from roost.model.workspace import Diff

_LETTERS: Final = {"added": "A", "modified": "M", "deleted": "D", "renamed": "R"}
_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def diff(
    session: OneSession,
    names: Annotated[bool, typer.Option("--names", help="Only which files, one a line.")] = False,
    wake: Wake = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Against where its branch began; in a plain folder of a repository, against the last commit. Files that are not
    committed count, ignored ones do not. What is printed can be applied with `git apply`."""
    import anyio

    return anyio.run(_diff, session, names, wake, as_json, url, data)


async def _diff(name: str, names: bool, wake: bool, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.terminal import STDOUT, print_struct
    from roost.cli.within import within
    from roost.cli.words import plain

    found = await within(name, lambda session: session.diff(wake=wake), going_on="comparing", url=url, data=data)
    if as_json:
        print_struct(found)
    elif names or not found.patch:
        print_names(found)
    elif STDOUT.is_terminal:
        for line in found.patch.splitlines():
            print(STDOUT.style(plain(line), _STYLES[line[0]]) if line[:1] in _STYLES else plain(line))
    else:
        sys.stdout.buffer.write(found.patch_bytes)
    if found.truncated and not as_json:
        print("roost: there is more; this is the beginning", file=sys.stderr)
    return codes.OK


def print_names(found: "Diff") -> None:
    from roost.cli.words import inline

    for each in found.files:
        before = f"{inline(each.before)} -> " if isinstance(each.before, str) else ""
        print(f"{_LETTERS[each.change]} {before}{inline(each.path)}")
