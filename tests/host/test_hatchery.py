"""The process that hosts are forked from: what it brings forth, and that it goes."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest

from roost.processes import birth, wait_until_gone
from roost.runtimes.process.hatchery import ANSWER_SECONDS, TICKET, Hatchery

A_HATCHERY = f"""
import os, socket
from roost.runtimes.process.hatchery import brood

brood(socket.socket(fileno={TICKET}))
said = os.read({TICKET}, 9).decode()
print(os.getpid() == os.getsid(0), said, [fd for fd in range(64) if os.path.exists(f"/proc/self/fd/{{fd}}")])
"""


def spawn(control: int) -> int:
    """Start such a process, whose hosts say what they are and have, and go."""
    actions: list[Any] = [(os.POSIX_SPAWN_DUP2, control, TICKET)]
    return os.posix_spawn(sys.executable, [sys.executable, "-c", A_HATCHERY], os.environ, file_actions=actions)


@pytest.fixture
def hatchery() -> Iterator[Hatchery]:
    made = Hatchery(spawn)
    yield made
    made.close()


@pytest.fixture
def host(hatchery: Hatchery) -> Callable[[str], tuple[int, str]]:
    """A host that is given this ticket: its pid, and what it says."""

    def hatch(ticket: str) -> tuple[int, str]:
        (reads, writes), (says, log) = os.pipe(), os.pipe()
        try:
            pid = hatchery.hatch(reads, log)
        finally:
            os.close(reads)
            os.close(log)
        with os.fdopen(writes, "w") as given:
            given.write(ticket)
        with os.fdopen(says) as said:
            return pid, said.read().strip()

    return hatch


def hatcheries() -> list[psutil.Process]:
    """Those of this test that run: other children may be gone, and nobody has collected them."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if A_HATCHERY in child.cmdline():
                found.append(child)
    return found


def test_hosts_lead_their_sessions_and_have_nothing_but_their_ticket_and_log(
    hatchery: Hatchery, host: Callable[[str], tuple[int, str]]
) -> None:
    assert not hatchery.ready
    said = [host(ticket) for ticket in ("first", "second")]
    assert [each for _, each in said] == [f"True {ticket} [0, 1, 2, 3]" for ticket in ("first", "second")]
    assert hatchery.ready and said[0][0] != said[1][0]


def test_it_is_started_anew_after_it_was_killed_and_no_more_after_it_was_closed(
    hatchery: Hatchery, host: Callable[[str], tuple[int, str]]
) -> None:
    host("first")
    (its,) = hatcheries()
    its.kill()
    wait_until_gone([its], 10)
    with pytest.raises(OSError, match=r"."):
        host("lost")
    assert not hatchery.ready
    assert host("second")[1].startswith("True second")
    (its,) = hatcheries()
    hatchery.close()
    assert birth(its.pid) is None
    with pytest.raises(ConnectionAbortedError):
        host("late")


def test_whoever_waits_for_a_host_is_let_go_when_it_is_closed() -> None:
    begun = Event()

    def mute(control: int) -> int:
        actions: list[Any] = [(os.POSIX_SPAWN_DUP2, control, TICKET)]
        words = [sys.executable, "-c", "import time; time.sleep(600)"]
        pid = os.posix_spawn(sys.executable, words, os.environ, file_actions=actions)
        begun.set()
        return pid

    made = Hatchery(mute)
    with ThreadPoolExecutor(1) as pool, Path(os.devnull).open() as nothing:
        asked = pool.submit(made.hatch, nothing.fileno(), nothing.fileno())
        assert begun.wait(20)
        made.close()
        assert isinstance(asked.exception(ANSWER_SECONDS / 2), ConnectionAbortedError)
