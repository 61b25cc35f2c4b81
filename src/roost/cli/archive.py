"""`roost archive`: history only, from now on."""

from roost.cli.options import Data, Json, ManySessions, Url


def archive(sessions: ManySessions, as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """What runs is stopped. Their history can be read for ever; nothing can be added.
    With --json: what was accepted, for each."""
    import anyio

    from roost.cli.each import for_each

    async def main() -> int:
        return await for_each(
            sessions, lambda session: session.archive(), going_on="archiving", done="is archived", as_json=as_json,
            url=url, data=data,
        )  # fmt: skip

    return anyio.run(main)
