"""What every test shares: asyncio on uvloop, a bound on its time, and a world without traces of whoever runs it."""

import functools
import inspect
import os
import signal
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import settings

settings.register_profile("roost", deadline=None, print_blob=True)
settings.load_profile("roost")

FIXTURES_MAY_TAKE_SECONDS = 30
LIMIT = pytest.StashKey[float]()
WITH_PROCESSES = frozenset({"behaviour", "bench", "cli", "demo", "docs", "fuzz", "sandbox", "testing"})
"""Rooms of tests that start hubs, hosts and commands: minutes in all. `make test-fast` leaves them out."""


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Async tests and fixtures run on the event loop that the hub runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session", autouse=True)
def strangers_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Neither a hub nor a git configuration of one's own: tests, and the processes they start, see a fresh machine.

    `ROOST_TEST_*` stays, for the seeds of random tests. Whoever commits in a test says who they are. A shell that runs
    the tests in its background has them ignore Ctrl-C, and every process they start; those are pressed here.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    ours = [name for name in os.environ if name.startswith(("ROOST_", "GIT_")) and not name.startswith("ROOST_TEST_")]
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ours:
            patch.delenv(name)
        patch.setenv("ROOST_DATA", str(home / "roost"))
        patch.setenv("ROOST_SANDBOX", "none")  # agents under test share files with it; tests/sandbox encloses them
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield home


# pytest-timeout interrupts by a signal, which uvloop does not let through. So async tests are cancelled from inside,
# and whatever else hangs on the loop (fixtures) ends the whole run a little later, with the stacks of all threads.


def seconds_allowed(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0] if marker else item.config.getini("timeout"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start processes go first: with several workers, at the end each has something short to do."""
    for item in items:
        if item.path.parent.name in WITH_PROCESSES:
            item.add_marker(pytest.mark.process)
        if "anyio_backend" in getattr(item, "fixturenames", ()):
            limit = seconds_allowed(item)
            item.stash[LIMIT] = limit
            item.add_marker(pytest.mark.timeout(limit + FIXTURES_MAY_TAKE_SECONDS, method="thread"), append=False)
    long = {item.path for item in items if any(item.get_closest_marker(name) for name in ("fire", "process"))}
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[Any]:
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        pyfuncitem.obj = bounded(pyfuncitem.obj, pyfuncitem.stash[LIMIT])
    return (yield)


def bounded(test: Callable[..., Awaitable[None]], limit: float) -> Callable[..., Awaitable[None]]:
    """The same test, failing with the place where it hung when it takes longer than `limit` seconds."""

    @functools.wraps(test)
    async def bounded_test(**arguments: Any) -> None:
        place = ""
        with anyio.move_on_after(limit) as scope:
            try:
                await test(**arguments)
            except BaseException as error:
                if scope.cancel_called:
                    place = "".join(traceback.format_exception(error))
                raise
        if scope.cancelled_caught:
            pytest.fail(f"took longer than {limit:g} s; it was here:\n{place}", pytrace=False)

    return bounded_test
