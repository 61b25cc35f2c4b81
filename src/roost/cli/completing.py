"""Session ids for the shell. Completion never waits for long, and never complains."""


def complete_session(incomplete: str) -> list[tuple[str, str]]:
    """Sessions whose short id begins like this, with their labels."""
    import anyio

    from roost.cli.hub import open_client
    from roost.cli.words import one_line
    from roost.model.errors import RoostError
    from roost.model.ids import short_id

    async def ask() -> list[tuple[str, str]]:
        with anyio.move_on_after(1):
            async with open_client(None, None) as client:
                found = (await client.list_sessions(limit=100)).sessions
            return [(short_id(info.session), one_line(info.label, 60)) for info in found]
        return []

    try:
        known = anyio.run(ask)
    except (RoostError, OSError):
        return []
    return [(name, label) for name, label in known if name.startswith(incomplete.removeprefix("codesess_"))]
