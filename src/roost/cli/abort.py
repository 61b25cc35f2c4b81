"""`roost abort`: stop what runs."""

from roost.cli.options import Data, Json, ManySessions, Url


def abort(sessions: ManySessions, as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """Returns when they are idle. Where nothing runs, nothing happens. With --json: what was accepted, for each."""
    import anyio

    from roost.cli.each import for_each

    async def main() -> int:
        return await for_each(
            sessions, lambda session: session.abort(), going_on="stopping", done="is idle", as_json=as_json, url=url,
            data=data,
        )  # fmt: skip

    return anyio.run(main)
