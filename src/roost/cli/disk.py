"""`roost disk`: what a workspace takes."""

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url
from roost.cli.within import Wake


def disk(session: OneSession, wake: Wake = False, as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """The sizes of all its files, those of `.git` too."""
    import anyio

    return anyio.run(_disk, session, wake, as_json, url, data)


async def _disk(name: str, wake: bool, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.terminal import print_struct
    from roost.cli.within import within
    from roost.cli.words import size

    use = await within(name, lambda session: session.disk_use(wake=wake), going_on="counting", url=url, data=data)
    if as_json:
        print_struct(use)
    else:
        more = ", and more that was not counted" if use.truncated else ""
        print(f"{size(use.bytes)} in {use.files} files and {use.folders} folders{more}")
    return codes.OK
