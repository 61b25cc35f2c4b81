"""How values are said, and that nothing an agent says commands the terminal."""

import json
import shlex
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.cli.words import (
    MAX_PER_CELL,
    age,
    brief,
    cells,
    count,
    disarmed,
    duration,
    folder,
    inline,
    one_line,
    padded,
    plain,
    quoted,
    size,
)  # fmt: skip


@given(st.text())
def test_plain_text_has_no_control_characters_but_tab_and_newline(text: str) -> None:
    left = {c for c in plain(text) if unicodedata.category(c) == "Cc"}
    assert left <= {"\t", "\n"}


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs"])))
def test_plain_leaves_ordinary_text_alone(text: str) -> None:
    assert plain(text) == text


def test_plain_shows_what_it_disarms() -> None:
    assert plain("\x1b]52;c;aGk=\x07 a\rb\r\nc\x9b1m \u202egpj") == "␛]52;c;aGk=␇ a␍b\nc�1m �gpj"


@given(st.text(), st.integers(1, 80))
def test_one_line_fits(text: str, columns: int) -> None:
    line = one_line(text, columns)
    assert "\n" not in line
    assert cells(line) <= columns
    assert len(line) <= columns * MAX_PER_CELL + 1


@pytest.mark.parametrize(
    ("text", "columns", "line"),
    [
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("a" + "\u0301" * 7, 1, "a" + "\u0301" * 7),
        ("a" + "\u0301" * 8, 1, "…"),
    ],
)
def test_a_line_is_cut_between_characters_as_people_see_them(text: str, columns: int, line: str) -> None:
    assert one_line(text, columns) == line


@given(st.text(), st.integers(0, 80))
def test_padded_text_is_as_wide_as_its_column(text: str, columns: int) -> None:
    line = inline(text)
    assert cells(padded(line, columns)) == max(cells(line), columns)


@given(st.text())
def test_an_inline_text_stays_within_its_line(text: str) -> None:
    assert {c for c in inline(text) if unicodedata.category(c) == "Cc"} == set()


@given(st.text())
def test_a_quoted_word_is_one_word_for_a_shell(text: str) -> None:
    assert shlex.split(quoted(text)) == [inline(text)]
    assert quoted(text) == shlex.quote(inline(text)) or not set(text) & set('"$`\\!')


@given(st.dictionaries(st.text(), st.text()))
def test_disarmed_json_says_the_same_and_commands_nothing(said: dict[str, str]) -> None:
    shown = disarmed(json.dumps(said, ensure_ascii=False))
    assert json.loads(shown) == said
    assert plain(shown) == shown


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (90_000, "1 d"), (-5, "0 s")]
)
def test_age(seconds: int, said: str) -> None:
    assert age(1_000_000_000, 1_000_000_000 + seconds * 1000) == said


def test_numbers() -> None:
    assert [duration(n) for n in (0, 1234, 12_345, 600_000)] == ["0.0 s", "1.2 s", "12 s", "10 min"]
    assert [count(n) for n in (0, 999, 1000, 1234, 5_000_000)] == ["0", "999", "1k", "1.2k", "5M"]
    assert [size(n) for n in (10, 1500, 2_000_000_000)] == ["10 B", "1.5 kB", "2 GB"]


def test_brief_picks_what_matters() -> None:
    assert brief({"command": "make test", "timeout": 5}) == "make test"
    assert brief({"n": 1, "deep": {"path": "a"}}) == "n=1, deep=a"
    assert brief(None) == ""


def test_home_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/h/me")
    assert [folder(path) for path in ("/h/me", "/h/me/x", "/h/men", "/other")] == ["~", "~/x", "/h/men", "/other"]
