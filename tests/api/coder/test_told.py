"""What a client of the Coder view asks to be told."""

from roost.api.coder.told import EVERYTHING, MAX_PATTERNS, patterns


def test_so_many_patterns_are_kept_and_no_more() -> None:
    names = [f"event_{number:03}" for number in range(MAX_PATTERNS + 1)]
    assert patterns(",".join(names[:-1])) == frozenset(names[:-1])
    assert patterns(",".join(names)) == frozenset(names[:-1])
    assert patterns(",".join([*names, "*"])) == EVERYTHING
