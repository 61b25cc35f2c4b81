"""How long what is kept in the library may be."""

import pytest

from roost.core.library.checks import check_sizes
from roost.model.errors import InvalidBody
from roost.model.library import MAX_LINE_CHARS, SkillRequest


def test_a_line_has_so_many_characters_and_no_more() -> None:
    def skill(size: int) -> SkillRequest:
        return SkillRequest(repo="r", skill="s", name="n", description="x" * size)

    check_sizes(skill(MAX_LINE_CHARS))
    with pytest.raises(InvalidBody):
        check_sizes(skill(MAX_LINE_CHARS + 1))
