"""`roost users`: who has a key."""

from typing import TYPE_CHECKING

from msgspec import UNSET

from roost.cli import codes
from roost.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from roost.model.keys import User


def users(as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """Everybody with a key that works, and the most that one of their keys allows. `roost keys` shows the keys."""
    import anyio

    return anyio.run(_users, as_json, url, data)


async def _users(as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_list

    async with open_client(url, data) as client:
        found = await client.users()
    print_list(found, _line, as_json=as_json)
    return codes.OK


def _line(user: "User") -> str:
    from roost.cli.words import inline, padded

    who = user.user if user.org is UNSET else f"{user.user}@{user.org}"
    return f"{padded(inline(who), 20)} {user.scope:<10} {user.keys} key{'s' * (user.keys != 1)}"
