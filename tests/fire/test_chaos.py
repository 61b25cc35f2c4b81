"""Everything at once: the short form of `make test-fire`, and the parts that it is made of."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from time import monotonic

import anyio
import pytest
from anyio.abc import SocketStream

from tests.fire.chaos.counts import FILE, Row, published, record, recorded, row_of
from tests.fire.chaos.faults import FAULTS
from tests.fire.chaos.outcome import SHAPES, Outcome
from tests.fire.chaos.proxy import Connection, Proxy
from tests.fire.chaos.round import play
from tests.fire.processes import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.fire]


@pytest.mark.timeout(300)
async def test_a_round_with_every_kind_of_fault_breaks_no_promise(seed: int, tmp_path: Path) -> None:
    outcome = await play(seed, SHAPES["each"], tmp_path)
    assert outcome.violations == []
    assert outcome.events > 0 and outcome.seen > 0 and outcome.kills["hub"] > 0
    assert FAULTS.keys() - outcome.faults.keys() == set(), "each has befallen it"


# --- the proxy ---


@asynccontextmanager
async def echoing() -> AsyncGenerator[tuple[Proxy, SocketStream]]:
    """A proxy before somebody who says everything again, and one connection through it."""

    async def echo(stream: SocketStream) -> None:
        async with stream:
            async for piece in stream:
                await stream.send(piece)

    proxy = Proxy()
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        proxy.target = int(listener.extra(anyio.abc.SocketAttribute.local_port))
        tasks.start_soon(listener.serve, echo)
        await tasks.start(proxy.serve)
        async with await anyio.connect_tcp("127.0.0.1", proxy.port) as stream:
            await eventually(lambda: len(proxy.connections))
            yield proxy, stream
        tasks.cancel_scope.cancel()


def only(proxy: Proxy) -> Connection:
    (connection,) = proxy.connections
    return connection


async def test_a_proxy_passes_on_what_it_is_given_both_ways(seed: int) -> None:
    async with echoing() as (proxy, stream):
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"
        await stream.send_eof()
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()
        await eventually(lambda: not proxy.connections)


async def test_a_connection_that_is_cut_is_reset(seed: int) -> None:
    async with echoing() as (proxy, stream):
        proxy.some(Random(seed), 1)[0].cut()
        with pytest.raises(anyio.BrokenResourceError):
            await stream.receive()


async def test_a_half_open_connection_says_nothing_and_goes_on_when_it_heals() -> None:
    async with echoing() as (proxy, stream):
        only(proxy).down.close()
        await stream.send(b"heard")
        with anyio.move_on_after(0.2) as waited:
            await stream.receive()
        assert waited.cancelled_caught
        proxy.heal()
        with anyio.fail_after(10):
            assert await stream.receive() == b"heard"


async def test_what_is_delayed_comes_later_and_in_order() -> None:
    async with echoing() as (proxy, stream):
        only(proxy).up.delay = lambda: 0.2
        began = monotonic()
        await stream.send(b"late")
        with anyio.fail_after(10):
            assert await stream.receive() == b"late"
        assert monotonic() - began > 0.15


async def test_whoever_speaks_as_a_host_is_cut_off_and_others_are_not() -> None:
    async with echoing() as (proxy, stream):
        proxy.cut_off_hosts()
        await stream.send(b"GET /v1")
        assert await stream.receive() == b"GET /v1"
        async with await anyio.connect_tcp("127.0.0.1", proxy.port) as host:
            await host.send(b"GET /link")
            with anyio.move_on_after(0.2) as waited:
                await host.receive()
            assert waited.cancelled_caught
            proxy.heal()
            with anyio.fail_after(10):
                assert await host.receive() == b"GET /link"


# --- the counts ---


def outcome(seed: int) -> Outcome:
    return Outcome(
        seed=seed, seconds=20, faults=Counter({"hub-killed": 2, "disk-full": 1}), kills=Counter({"hub": 2}),
        operations=Counter({"send ok": 5, "send unknown": 1}), events=70, seen=300, violations=[],
    )  # fmt: skip


def test_counts_of_rounds_add_up_in_rows_and_in_the_table(tmp_path: Path) -> None:
    file = tmp_path / "counts.jsonl"
    for first in (1, 3):
        record(row_of([outcome(first), outcome(first + 1)], "all", 0.7), file)
    rows = recorded(file)
    assert [(row.first, row.last, row.kills, row.operations, row.events) for row in rows] == [
        (1, 2, {"hub": 4}, 12, 140),
        (3, 4, {"hub": 4}, 12, 140),
    ]
    table = published(rows)
    assert "| **all** |  |  |  | 4 | 8 | 0 | 0 | 0 | 12 | 24 | 280 | 1,200 | 0 |" in table
    assert "| `hub-killed` | 8 |" in table


def test_what_is_published_names_every_kind_of_fault() -> None:
    rows: list[Row] = recorded(FILE)
    assert rows, "no counts are recorded: make test-fire ARGS=--record"
    assert all(f"| `{name}` |" in published(rows) for name in FAULTS)
    assert all(kind.do.__doc__ for kind in FAULTS.values()), "the table tells what each is in its own words"
