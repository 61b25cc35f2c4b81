"""Lines from either end of a file, also while somebody writes it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.natives.records import backwards, head

THREE = b'{"n": 1}\n{"n": 2}\n{"n": 3}\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "records.jsonl"


def numbers(path: Path, **limits: int) -> list[int]:
    return [record["n"] for record in backwards(path, **limits)]


@pytest.mark.parametrize(
    ("content", "forth", "back"),
    [
        (b"", [], []),
        (b"\n\n", [], []),
        (THREE, [1, 2, 3], [3, 2, 1]),
        (THREE + b'{"n": 4}', [1, 2, 3], [4, 3, 2, 1]),
        (THREE + b'{"n": 4, "torn', [1, 2, 3], [3, 2, 1]),
        (b'[1]\nnull\n"text"\n\xff\xfe\n' + THREE, [1, 2, 3], [3, 2, 1]),
        (b"[" * 5000 + b"\n" + THREE, [1, 2, 3], [3, 2, 1]),
    ],
)
def test_what_is_no_record_is_passed_over(file: Path, content: bytes, forth: list[int], back: list[int]) -> None:
    file.write_bytes(content)
    assert [record["n"] for record in head(file, limit=100)] == forth
    assert numbers(file) == back


def test_reading_from_the_beginning_ends_at_either_limit(file: Path) -> None:
    file.write_bytes(THREE)
    assert [record["n"] for record in head(file, limit=2)] == [1, 2]
    assert [record["n"] for record in head(file, limit=9, max_bytes=18)] == [1, 2]
    assert [record["n"] for record in head(file, limit=9, max_bytes=17)] == [1]


def test_reading_from_the_end_goes_back_no_further_than_asked(file: Path) -> None:
    file.write_bytes(THREE)
    assert [numbers(file, max_bytes=limit) for limit in (9, 10, 18, 26, 27)] == [[], [3], [3], [3, 2], [3, 2, 1]]


@given(st.lists(st.text(max_size=20), max_size=12), st.integers(1, 40))
def test_no_line_is_lost_or_cut_wherever_blocks_meet(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], block_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("blocks") / "records.jsonl"
    records = [{"text": text} for text in texts]
    path.write_text(
        "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8", errors="replace"
    )
    assert list(backwards(path, block_bytes=block_bytes)) == list(reversed(list(head(path, limit=100))))
    assert len(list(head(path, limit=100))) == len(texts)
