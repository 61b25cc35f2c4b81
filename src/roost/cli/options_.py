"""`roost options`: how the agent of a session can be set."""

from typing import TYPE_CHECKING

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.model.options import Option, SessionOptions


def options(session: OneSession, as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """Its present settings; while it is here, also what each can be: `roost configure` sets it, `--mode` and `--model`
    by these names, any other with `--option NAME=VALUE`."""
    import anyio

    return anyio.run(_options, session, as_json, url, data)


async def _options(name: str, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import print_struct

    async with open_client(url, data) as client:
        found = await (await find_session(client, name)).options()
    if as_json:
        print_struct(found)
    else:
        _print(found)
    return codes.OK


def _print(found: "SessionOptions") -> None:
    from roost.cli.words import brief, inline

    for option in found.options:
        print(f"{inline(option.name)}: {inline(brief(option.value))}")
        for choice, words in _choices(option):
            print(f"  {inline(choice)}{'' if words in ('', choice) else '  ' + inline(words)}")
    for name, value in found.settings.items() if not found.options else ():
        print(f"{inline(name)}: {inline(brief(value))}")
    if not found.live:
        print("the agent is not here: what it can be set to is known while it is")
    elif not found.options:
        print("nothing of this agent can be set")


def _choices(option: "Option") -> list[tuple[str, str]]:
    if option.kind == "switch":
        return [("true", ""), ("false", "")]
    return [(choice.value, choice.name or choice.description or "") for choice in option.choices]
