"""The rows of the table, by name. Each module measures one thing and gives its rows."""

from collections.abc import Callable
from typing import Final

from bench.bench import Bench
from bench.rows import appends, attach, catchup, coder, create, fanout, flat, idle, listing, live, restart, start
from bench.table import Row

ROWS: Final[dict[str, Callable[[Bench], list[Row]]]] = {
    "fanout": fanout.measure,
    "coder": coder.measure,
    "appends": appends.measure,
    "catchup": catchup.measure,
    "start": start.measure,
    "create": create.measure,
    "attach": attach.measure,
    "restart": restart.measure,
    "list": listing.measure,
    "flat": flat.measure,
    "idle": idle.measure,
    "live": live.measure,
}
