"""`roost pause`: put to sleep."""

from roost.cli.options import Data, Json, ManySessions, Url


def pause(sessions: ManySessions, as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """What runs is aborted first. A sleeping session costs no process; the next prompt wakes it. With --json: for each
    what was accepted."""
    import anyio

    from roost.cli.each import for_each

    async def main() -> int:
        return await for_each(
            sessions, lambda session: session.pause(), going_on="pausing", done="sleeps", as_json=as_json, url=url,
            data=data,
        )  # fmt: skip

    return anyio.run(main)
