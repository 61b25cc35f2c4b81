"""`roost todos`: the agent's plan."""

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url


def todos(session: OneSession, as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """One item a line, as the agent keeps its list."""
    import anyio

    return anyio.run(_todos, session, as_json, url, data)


async def _todos(name: str, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.show import TODO
    from roost.cli.terminal import print_list
    from roost.cli.words import one_line

    async with open_client(url, data) as client:
        found = await (await find_session(client, name)).todos()
    print_list(
        found, lambda todo: f"{TODO[todo.status]} {one_line(todo.content, 200)}", as_json=as_json, none="no plan"
    )
    return codes.OK
