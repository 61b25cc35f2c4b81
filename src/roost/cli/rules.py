"""`roost rules`: what a session's agent may do without asking."""

from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.model.events import Rule
    from roost.model.info import SessionConfig

Globs = list[str] | None
ACTIONS: Final[tuple[Literal["allow", "ask", "deny"], ...]] = ("allow", "ask", "deny")


def _rule(flag: str, meaning: str) -> typer.models.OptionInfo:
    return typer.Option(flag, metavar="PERMISSION[:PATTERN]", help=meaning)


def rules(
    session: OneSession,
    allow: Annotated[Globs, _rule("--allow", "Add: this may happen without asking.")] = None,
    ask: Annotated[Globs, _rule("--ask", "Add: this is always asked, whatever is allowed.")] = None,
    deny: Annotated[Globs, _rule("--deny", "Add: this never happens.")] = None,
    grant: Annotated[Globs, _rule("--grant", "Add: as if a request had been answered with `always`.")] = None,
    remove: Annotated[
        list[int] | None, typer.Option("--remove", metavar="NUMBER", help="Take back the rule of this number.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """The session's rules, numbered: those of its policy, then those that "always" has granted. deny goes before
    granted, before ask, before allow; what no rule names is asked. `*`, `?` and `[..]` are wildcards. With --json: the
    session's configuration."""
    import anyio

    added = {"allow": allow or [], "ask": ask or [], "deny": deny or [], "grant": grant or []}
    return anyio.run(_rules, session, added, remove or [], as_json, url, data)


async def _rules(
    name: str, added: dict[str, list[str]], removed: list[int], as_json: bool, url: Url, data: Data
) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import STDOUT, print_struct
    from roost.cli.words import inline

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        config = await session.config()
        if removed or any(added.values()):
            taken, ungranted = numbered(config, removed)
            config = await session.configure(
                add_rules=[_read(text, action) for action in ACTIONS for text in added[action]],
                remove_rules=taken,
                grant=[_read(text, "allow") for text in added["grant"]],
                revoke=ungranted,
            )
    if as_json:
        print_struct(config)
        return codes.OK
    if not _all(config):
        print("no rules")
    for number, (rule, is_granted) in enumerate(_all(config), 1):
        by = STDOUT.style("  granted by an answer", "dim") if is_granted else ""
        print(f"{number:>3}  {rule.action:<5}  {inline(rule.permission)}: {inline(rule.pattern)}{by}")
    return codes.OK


def _all(config: "SessionConfig") -> "list[tuple[Rule, bool]]":
    """Each rule, and whether "always" made it."""
    return [*((rule, False) for rule in config.policy.rules), *((rule, True) for rule in config.granted)]


def numbered(config: "SessionConfig", numbers: list[int]) -> "tuple[list[Rule], list[Rule]]":
    """The rules of these numbers: those of the policy, and the granted ones. Raises: UsageWrong: no rule has this
    number."""
    from roost.cli.problems import UsageWrong

    rules = _all(config)
    if wrong := [number for number in numbers if not 0 < number <= len(rules)]:
        raise UsageWrong(f"there are {len(rules)} rules, and no number {wrong[0]}")
    named = [rules[number - 1] for number in numbers]
    return [rule for rule, granted in named if not granted], [rule for rule, granted in named if granted]


def _read(text: str, action: Literal["allow", "ask", "deny"]) -> "Rule":
    from roost.model.events import Rule

    permission, _, pattern = text.partition(":")
    return Rule(permission=permission, action=action, pattern=pattern.strip() or "*")
