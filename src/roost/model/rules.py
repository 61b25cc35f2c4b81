"""Permission rules: what may happen without asking, what never may, and what a person decides.

One engine: deny > granted (by "always") > ask > allow > the default, ask. A request passes only if all its patterns do.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from glob import escape

from roost.model.events import Action, PermissionAsked, QuestionAsked, Rule


def verdict(rules: Sequence[Rule], granted: Sequence[Rule], permission: str, patterns: Sequence[str]) -> Action:
    """What the rules say to this request. Without patterns it is judged as the one pattern `*`."""
    verdicts = {_judge(rules, granted, permission, pattern) for pattern in (patterns or ("*",))}
    return next(action for action in ("deny", "ask", "allow") if action in verdicts)


def _judge(rules: Sequence[Rule], granted: Sequence[Rule], permission: str, pattern: str) -> Action:
    actions = {rule.action for rule in _matching(rules, permission, pattern)}
    if "deny" in actions:
        return "deny"
    if any(_matching(granted, permission, pattern)):
        return "allow"
    return "allow" if "allow" in actions and "ask" not in actions else "ask"


def _matching(rules: Iterable[Rule], permission: str, pattern: str) -> list[Rule]:
    return [rule for rule in rules if fnmatchcase(permission, rule.permission) and fnmatchcase(pattern, rule.pattern)]


def always(asked: PermissionAsked | QuestionAsked) -> list[Rule]:
    """The rules that an "always" to this request grants: its own proposal, else to the letter what it asked for."""
    if not isinstance(asked, PermissionAsked):
        return []
    patterns = asked.always or tuple(map(escape, asked.patterns)) or ("*",)
    return [Rule(permission=asked.permission, pattern=pattern, action="allow") for pattern in patterns]
