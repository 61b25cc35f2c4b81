"""Folders of skills: one each, whoever else is called the same."""

from itertools import permutations

from roost.model.skills import MAX_FOLDER_CHARS, apart


def test_a_name_that_one_skill_has_is_its_folder() -> None:
    assert apart([("review", "a"), ("plan", "b")]) == ["review", "plan"]


def test_of_one_name_each_has_its_own_folder_whatever_the_order_and_whoever_comes_later() -> None:
    wanted = [("review", "a"), ("Review", "b"), ("plan", "c")]
    first = dict(zip((who for _, who in wanted), apart(wanted), strict=True))
    assert len({folder.casefold() for folder in first.values()}) == 3 and first["c"] == "plan"
    for order in permutations(wanted):
        assert dict(zip((who for _, who in order), apart(order), strict=True)) == first
    assert apart([*wanted, ("review", "d")])[:3] == list(first.values())


def test_whoever_is_called_like_the_mark_of_another_takes_nobodys_folder() -> None:
    marked = apart([("review", "a"), ("review", "b")])[0]
    found = apart([("review", "a"), ("review", "b"), (marked, "c")])
    assert len(set(found)) == 3


def test_a_long_name_stays_as_long_as_agents_take() -> None:
    found = apart([("x" * MAX_FOLDER_CHARS, "a"), ("x" * MAX_FOLDER_CHARS, "b")])
    assert {len(folder) for folder in found} == {MAX_FOLDER_CHARS}
