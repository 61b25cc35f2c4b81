"""`roost configure`: how a session works from now on, and who sees it."""

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.client import AsyncSession
    from roost.model.info import SessionConfig, SessionInfo

Text = str | None
Pairs = list[str] | None
Headless = Annotated[
    Literal["park", "reject", "allow"] | None,
    typer.Option("--headless", help="What is asked waits for a person (park), or is decided like this."),
]
Action = Annotated[
    Literal["reject", "allow"] | None, typer.Option("--action", help="What a permission gets at its deadline.")
]
Visibility = Annotated[
    Literal["private", "organization", "collaborate"] | None,
    typer.Option("--visibility", help="Its owner alone; all of the organisation watch; or act, too."),
]
TIMEOUTS: Final = ("idle", "paused", "parked", "execution")


def _for(flag: str, meaning: str) -> typer.models.OptionInfo:
    return typer.Option(flag, metavar="TIME", help=meaning)


def _pair(flag: str, meaning: str) -> typer.models.OptionInfo:
    return typer.Option(flag, metavar="NAME=VALUE", help=meaning)


def configure(
    session: OneSession,
    model: Annotated[Text, typer.Option("--model", help="The agent's model.")] = None,
    mode: Annotated[Text, typer.Option("--mode", help="The agent's mode.")] = None,
    option: Annotated[Pairs, _pair("--option", "An option of the agent; the value is JSON, or text.")] = None,
    headless: Headless = None,
    deadline: Annotated[Text, _for("--deadline", "How long a request waits for an answer; 0: for ever.")] = None,
    action: Action = None,
    idle: Annotated[Text, _for("--idle", "Without a run for so long it sleeps; 0: never.")] = None,
    parked: Annotated[Text, _for("--parked", "Waiting for a person for so long it sleeps; 0: never.")] = None,
    paused: Annotated[Text, _for("--paused", "Asleep for so long it counts as history; 0: never.")] = None,
    execution: Annotated[Text, _for("--execution", "A run of so long is aborted; 0: never.")] = None,
    visibility: Visibility = None,
    metadata: Annotated[Pairs, _pair("--metadata", "Merge this in; the value is JSON, or text.")] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """Change what is named, and show how it works now. Times are like 90s, 10m or 24h. What a session may do without
    asking: `roost rules`. With --json: its configuration with `visibility` and `metadata`."""
    import anyio

    agent = {"model": model, "mode": mode, "options": _pairs("--option", option)}
    policy = {"headless": headless, "deadline": deadline, "action": action}
    timeouts = {"idle": idle, "parked": parked, "paused": paused, "execution": execution}
    about = {"visibility": visibility, "metadata": _pairs("--metadata", metadata)}
    changes = [{name: value for name, value in each.items() if value} for each in (agent, policy, timeouts, about)]
    return anyio.run(_configure, session, changes, as_json, url, data)


async def _configure(name: str, changes: list[dict[str, Any]], as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import print_struct

    agent, policy, timeouts, about = changes
    async with open_client(url, data) as client:
        session = await find_session(client, name)
        info = await (session.update(**about) if about else session.info())  # this may be refused: the owner alone may
        if agent or timeouts:
            await session.configure(**agent, timeouts=timeouts or None)
        if policy:
            await _change_policy(session, policy)
        config = await session.config()
    if as_json:
        print_struct(_told(config) | {"visibility": info.visibility, "metadata": _told(info.metadata or {})})
    else:
        _print(config, info)
    return codes.OK


async def _change_policy(session: "AsyncSession", changes: dict[str, Any]) -> None:
    """A policy is replaced as a whole: of what somebody else changes meanwhile nothing may be lost."""
    from roost.model.errors import ConfigConflict

    while True:
        config = await session.config()
        try:
            await session.configure(policy=_told(config.policy) | changes, expect=config.version)
        except ConfigConflict:
            continue
        return


def _told(struct: Any) -> dict[str, Any]:
    import msgspec

    return msgspec.to_builtins(struct)


def _pairs(flag: str, given: Pairs) -> dict[str, Any]:
    """Raises: UsageWrong: one is not NAME=VALUE."""
    import msgspec

    from roost.cli.problems import UsageWrong

    found: dict[str, Any] = {}
    for each in given or ():
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise UsageWrong(f"{flag} {each}: write NAME=VALUE")
        try:
            found[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            found[name] = value
    return found


def _print(config: "SessionConfig", info: "SessionInfo") -> None:
    from roost.cli.words import inline

    timeouts: dict[str, float] = _told(config.timeouts)
    lines: dict[str, object] = {
        "visibility": info.visibility,
        "model": config.model or "the agent's default",
        **{f"option {name}": value for name, value in config.options.items()},
        "headless": config.policy.headless,
        "deadline": _time(config.policy.deadline or 0.0),
        "action": config.policy.action,
        **{name: _time(timeouts[name]) if name in timeouts else "the hub's" for name in TIMEOUTS},
        **{f"metadata {name}": value for name, value in _told(info.metadata or {}).items()},
    }
    width = max(map(len, lines))
    for name, value in lines.items():
        print(f"{inline(name):<{width}}  {inline(str(value))}")


def _time(seconds: float) -> str:
    return f"{seconds:g} s" if seconds else "never"
