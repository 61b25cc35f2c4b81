"""Finding and killing trees of processes."""

import os
import resource
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from roost.processes import (
    birth,
    born,
    descendants,
    holding,
    kill_until_gone,
    marked,
    wait_until_gone,
    with_descendants,
)  # fmt: skip


@pytest.fixture
def tree() -> Iterator[list[psutil.Process]]:
    """A shell, another one below it, and what that one has started."""
    command = "sh -c 'sleep 600 & echo $!; wait' & echo $!; wait"
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        started = [psutil.Process(int(shell.stdout.readline())) for _ in range(2)]
        found = [psutil.Process(shell.pid), *sorted(started, key=lambda each: each.ppid() != shell.pid)]
        yield found
        for process in found:
            if birth(process.pid) is not None:
                process.kill()


def test_each_of_several_trees_comes_once_the_roots_first(tree: list[psutil.Process]) -> None:
    shell, below, last = tree
    assert with_descendants([below, shell, below]) == [below, shell, last]
    assert descendants(shell.pid) == [below, last]
    assert descendants(last.pid) == []


def test_what_was_found_is_killed_also_if_finding_it_took_all_the_time(tree: list[psutil.Process]) -> None:
    shell, *_ = tree
    assert not kill_until_gone(lambda: with_descendants([shell]), seconds=0)
    wait_until_gone(tree, 10)
    assert [birth(process.pid) for process in tree] == [None] * 3


def test_a_process_that_is_gone_has_nothing_below_it(tree: list[psutil.Process]) -> None:
    shell, *_ = tree
    assert kill_until_gone(lambda: [each for each in with_descendants([shell]) if birth(each.pid) is not None])
    assert descendants(shell.pid) == []


@contextmanager
def nothing_can_be_opened() -> Generator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_who_cannot_look_does_not_say_that_nobody_is_there(tree: list[psutil.Process]) -> None:
    shell, *_ = tree
    looks = (
        lambda: birth(shell.pid),
        lambda: born(shell),
        lambda: marked("PATH", bool),
        lambda: holding(Path(os.devnull)),
        lambda: with_descendants([shell]),
    )
    for look in looks:
        with nothing_can_be_opened(), pytest.raises(OSError, match="Too many open files"):
            look()
    with nothing_can_be_opened():
        assert not kill_until_gone(lambda: with_descendants([shell]), seconds=0)
    assert [birth(process.pid) is not None for process in tree] == [True] * 3
    assert kill_until_gone(lambda: [each for each in with_descendants([shell]) if birth(each.pid) is not None])
