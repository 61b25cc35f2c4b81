"""`roost resume`: wake."""

from roost.cli.options import Data, Json, ManySessions, Url


def resume(sessions: ManySessions, as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """Returns before their hosts are up. A queue that was held goes on, also where nothing slept. With --json: for each
    what was accepted."""
    import anyio

    from roost.cli.each import for_each

    async def main() -> int:
        return await for_each(
            sessions, lambda session: session.resume(), going_on="waking", done="is awake", as_json=as_json, url=url,
            data=data,
        )  # fmt: skip

    return anyio.run(main)
