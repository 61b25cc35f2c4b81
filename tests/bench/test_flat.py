"""What history costs, as a bound: 100,000 sessions and one session of 1,000,000 events against next to nothing."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from bench.bench import open_bench
from bench.rows import flat
from bench.sizes import FULL
from bench.table import Row

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
BOUNDED = ("attach", "follow", "list", "search", "memory", "start")


@pytest.fixture(scope="module")
def rows() -> Iterator[dict[str, Row]]:
    with open_bench(replace(FULL, runs=5, asks=30), lambda _: None) as bench:
        yield {row.name: row for row in flat.measure(bench)}


@pytest.mark.parametrize("name", BOUNDED)
def test_history_costs_at_most_half_as_much_again(rows: dict[str, Row], name: str) -> None:
    row = rows[f"flat-{name}"]
    assert row.goal == 1.5
    assert row.met, f"{row.what}: {row.measured.median:.3g} {row.unit}, {row.judged:.3g} times that of a hub without"
