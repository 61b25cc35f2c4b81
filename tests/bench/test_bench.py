"""The benchmark measures what it says, in miniature: it must not rot between the days on which somebody runs it."""

import json
import shutil
from pathlib import Path

import pytest

from bench import report
from bench.__main__ import main
from bench.bench import CannotMeasure, open_bench
from bench.rows import ROWS
from bench.sizes import QUICK, TINY
from bench.table import Row, Spread, against, percentile

NEEDS_C = ("fanout", "attach")
MAY_BE_NOTHING = ("restart", "stream-memory", "live-rest", "idle-rest", "idle-memory")


@pytest.mark.parametrize("name", ROWS)
def test_each_row_is_measured_in_miniature(name: str) -> None:
    with open_bench(TINY, lambda _: None) as bench:
        if name in NEEDS_C and shutil.which("cc") is None:
            with pytest.raises(CannotMeasure, match="no C compiler"):
                ROWS[name](bench)
            return
        rows = ROWS[name](bench)
    assert rows
    for row in rows:
        assert row.measured.low <= row.measured.median <= row.measured.high
        assert row.measured.median > 0 or row.name in MAY_BE_NOTHING
        assert row.ratio is None or row.ratio.median > 0
        assert row.unit in report.as_json([row], {}, TINY)


def test_without_a_compiler_the_bench_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--quick", "--only", "fanout"]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert [line for line in said if line.startswith("bench: ")] == [said[-1]]
    assert "fanclient.c: no C compiler (cc) is here" in said[-1]


def test_a_row_is_held_against_its_goal() -> None:
    measured, limit, ratio = against([40.0, 60.0, 50.0], [100.0, 100.0, 50.0])
    assert (measured.median, limit.median, ratio.median) == (50.0, 100.0, 0.6)
    row = Row(name="a", what="a", unit="s", measured=measured, limit=limit, ratio=ratio, better="more", goal=0.5)
    assert row.met is True
    assert Row(name="b", what="b", unit="s", measured=measured, better="less", goal=49.0).met is False
    assert Row(name="c", what="c", unit="s", measured=measured, better="less").met is None
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(median=2.0, low=1.0, high=3.0, runs=3)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile([7.0], 0.99) == 7.0


def test_results_are_written_down_with_every_miss(tmp_path: Path) -> None:
    machine = dict.fromkeys(("cores", "cpu", "memory_gib", "kernel", "python", "filesystem", "date"), "?")
    machine |= {"server_core": 0, "load_core": 1, "load_before": 0.0}
    row = Row(name="a", what="a thing", unit="ms", measured=Spread.of([20.0]), better="less", goal=10.0)
    report.write(tmp_path, [row], machine, QUICK)
    assert "| a thing | 20 ms |  |  | <= 10 | MISSED |" in (tmp_path / "RESULTS.md").read_text()
    assert json.loads((tmp_path / "results.json").read_text())["rows"][0]["met"] is False
