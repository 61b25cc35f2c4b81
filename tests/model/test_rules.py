"""Permission rules: deny > granted > ask > allow > ask."""

import pytest

from roost.model.durations import LONGEST, seconds
from roost.model.errors import InvalidBody
from roost.model.events import Action, Rule
from roost.model.rules import verdict


def rule(action: Action, pattern: str = "*", permission: str = "bash") -> Rule:
    return Rule(permission=permission, pattern=pattern, action=action)


GIT = rule("allow", "git *")


@pytest.mark.parametrize(
    ("rules", "granted", "expected"),
    [
        ([], [], "ask"),
        ([rule("allow")], [], "allow"),
        ([rule("allow"), rule("ask", "git *")], [], "ask"),
        ([rule("ask", "git *")], [GIT], "allow"),
        ([rule("deny", "git *")], [GIT], "deny"),
        ([rule("allow"), rule("deny", "git push*")], [], "deny"),
        ([rule("allow", permission="edit")], [], "ask"),
        ([rule("allow", permission="*")], [], "allow"),
        ([rule("allow", "GIT *")], [], "ask"),
    ],
)
def test_the_strongest_rule_that_matches_wins(rules: list[Rule], granted: list[Rule], expected: str) -> None:
    assert verdict(rules, granted, "bash", ["git push origin"]) == expected


def test_a_request_passes_only_if_all_its_patterns_do() -> None:
    assert verdict([GIT], [], "bash", ["git add .", "git commit"]) == "allow"
    assert verdict([GIT], [], "bash", ["git add .", "rm -rf ."]) == "ask"
    assert verdict([GIT, rule("deny", "rm *")], [], "bash", ["git add .", "rm -rf ."]) == "deny"


def test_the_order_of_rules_does_not_matter() -> None:
    rules = [rule("allow"), rule("deny", "rm *"), rule("ask", "git *")]
    for pattern in ("ls", "rm x", "git x"):
        assert verdict(rules, [], "bash", [pattern]) == verdict(rules[::-1], [], "bash", [pattern])


def test_a_request_without_patterns_is_judged_as_a_whole() -> None:
    assert verdict([rule("allow")], [], "bash", []) == "allow"
    assert verdict([GIT], [], "bash", []) == "ask"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("10m", 600), ("2s", 2), ("1.5h", 5400), ("250ms", 0.25), ("1d", 86400), ("0", 0), (90, 90), (0.5, 0.5), ("7", 7)],
)
def test_durations_are_seconds_or_a_number_with_a_unit(given: float | str, expected: float) -> None:
    assert seconds(given) == expected


@pytest.mark.parametrize(
    "given", ["", "m", "10 minutes", "-1s", -1, LONGEST + 1, "1e3", float("nan"), float("inf"), "٣s"]
)
def test_what_is_no_duration_is_refused(given: float | str) -> None:
    with pytest.raises(InvalidBody):
        seconds(given)
