"""`roost users`: who has a key."""

from msgspec import UNSET

from roost.cli import codes
from roost.cli.options import Data, Json, Url


def users(as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """Everybody with a key that works, and the most that one of their keys allows. `roost keys` shows the keys."""
    import anyio

    return anyio.run(_users, as_json, url, data)


async def _users(as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import open_client
    from roost.cli.terminal import print_struct
    from roost.cli.words import inline, padded

    async with open_client(url, data) as client:
        found = await client.users()
    for user in found:
        who = user.user if user.org is UNSET else f"{user.user}@{user.org}"
        print_struct(user) if as_json else print(
            f"{padded(inline(who), 20)} {user.scope:<10} {user.keys} key{'s' * (user.keys != 1)}"
        )
    return codes.OK
