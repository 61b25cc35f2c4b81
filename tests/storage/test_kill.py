"""SIGKILL at random instants under load: what was acknowledged is there, and nothing is there twice."""

import os
import secrets
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from roost.model.events import TextDelta
from roost.model.ids import SessionId
from roost.ports import Store
from roost.storage import open_store
from tests.contract.given import read_all
from tests.storage.conftest import ROOT, child_env

pytestmark = [pytest.mark.fire, pytest.mark.timeout(300)]


def acknowledged_until_killed(data: Path, seed: str, seconds: float) -> dict[str, int]:
    """Run the appender, kill it so long after its first acknowledgement; the last acknowledgement of each session."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.appender", data, seed],
        cwd=ROOT,
        env=child_env(),
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    with process:
        assert process.stdout is not None
        output = process.stdout.read(1)
        assert output, "the appender did not start"
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([process.stdout], [], [], left)[0]:
                output += os.read(process.stdout.fileno(), 65_536)
        os.kill(process.pid, signal.SIGKILL)
        output += process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    lines = output.decode().rpartition("\n")[0].splitlines()
    return {session: int(produced) for session, produced in (line.split() for line in lines)}


async def check_session(store: Store, session: str, *, acknowledged: int, after: int) -> int:
    """The head. Each delta says its producer_seq: in order, without gaps, once. Facts came with their record."""
    stored = await store.get(SessionId(session))
    assert stored.produced >= acknowledged
    assert stored.head == stored.produced + 1
    events = await read_all(store, session, after=after)
    assert [event.seq for event in events] == list(range(after + 1, stored.head + 1))
    facts = [event.seq - 1 for event in events if not isinstance(event.body, TextDelta)]
    assert all(event.body.delta == str(event.seq - 1) for event in events if isinstance(event.body, TextDelta))
    if facts and facts[-1]:
        assert stored.record.label == str(facts[-1])
    return stored.head


@pytest.mark.parametrize("rounds", [5, pytest.param(50, marks=pytest.mark.long)])
async def test_what_was_acknowledged_before_a_kill_is_there_once(tmp_path: Path, rounds: int) -> None:
    seed = secrets.token_hex(4)
    print(f"seed {seed}")
    random = Random(seed)
    heads: dict[str, int] = {}
    for number in range(rounds):
        acknowledged = acknowledged_until_killed(tmp_path, f"{seed} {number}", random.uniform(0, 0.5))
        store = await open_store("sqlite", tmp_path)
        for session, produced in acknowledged.items():
            after = heads.get(session, 0)
            heads[session] = await check_session(store, session, acknowledged=produced, after=after)
        await store.close()
    assert heads
    store = await open_store("sqlite", tmp_path)
    for session in heads:
        await check_session(store, session, acknowledged=0, after=0)
    await store.close()
    print(f"{sum(heads.values())} events in {rounds} rounds")
