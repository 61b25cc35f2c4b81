"""`roost metrics`: what a session has used."""

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url


def metrics(session: OneSession, as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """Messages, model steps, tool calls, tokens and cost of this session alone."""
    import anyio

    return anyio.run(_metrics, session, as_json, url, data)


async def _metrics(name: str, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import print_struct
    from roost.cli.words import count, inline

    async with open_client(url, data) as client:
        found = await (await find_session(client, name)).metrics()
    if as_json:
        print_struct(found)
        return codes.OK
    tokens = found.tokens
    print(f"messages    {found.messages}")
    print(f"steps       {found.steps}")
    print(f"tool calls  {found.tool_calls}")
    for tool, calls in sorted(found.tool_usage.items(), key=lambda each: (-each[1], each[0])):
        print(f"            {calls} {inline(tool)}")
    print(f"tokens      {count(tokens.input)} in, {count(tokens.output)} out, {count(tokens.reasoning)} reasoning")
    print(f"cached      {count(tokens.cache_read)} read, {count(tokens.cache_write)} written")
    print(f"cost        ${found.cost:.4f}")
    return codes.OK
