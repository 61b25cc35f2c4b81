"""The sync client: the same names as the async one, over a thread that comes and goes with it."""

import ast
import inspect
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from anyio import to_thread

import roost
from docs.generate import twins
from roost import AsyncClient, AsyncLibrary, AsyncSession, AsyncSocket, Client, Library, RoostError, Session, Socket
from roost.model.errors import ERRORS
from roost.testing import RunningHub

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


@pytest.fixture
async def sync(hub: RunningHub) -> AsyncIterator[Client]:
    client = Client(data=hub.data)
    await to_thread.run_sync(client.__enter__)
    yield client
    await to_thread.run_sync(client.__exit__, None, None, None)


async def apart(work: Callable[[], T]) -> T:
    """In a thread: the hub runs on this one's event loop."""
    return await to_thread.run_sync(work)


@pytest.mark.parametrize("path", twins.PAGES)
def test_a_twin_is_what_its_original_makes_of_it(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == twins.PAGES[path](), f"{path} is out of date: make docs"


@pytest.mark.parametrize(
    ("original", "twin"),
    [(AsyncClient, Client), (AsyncSession, Session), (AsyncSocket, Socket), (AsyncLibrary, Library)],
)
def test_names_and_parameters_are_the_same_in_both(original: type, twin: type) -> None:
    def public(cls: type) -> dict[str, list[str]]:
        found = {name: member for name, member in inspect.getmembers(cls) if not name.startswith("_")}
        return {n: list(inspect.signature(m).parameters) if callable(m) else [] for n, m in found.items()}

    ours = public(twin)
    assert {name: ours.get(name) for name in public(original)} == public(original)
    assert ours.keys() - public(original).keys() <= {"id"}


async def test_a_task_runs_to_its_end_and_every_event_is_seen(sync: Client) -> None:
    def work() -> tuple[list[int], str, str]:
        session = sync.create_session(task="count to 3")
        events = list(session.events(until="run-complete"))
        return [event.seq for event in events], session.messages()[-1].text, session.wait_idle().status

    seqs, text, status = await apart(work)
    assert seqs == list(range(1, len(seqs) + 1))
    assert "3" in text and status == "idle"


async def test_callbacks_are_called_in_the_thread_that_waits_and_may_use_the_client(sync: Client) -> None:
    def work() -> tuple[set[int], int, str, str]:
        threads: set[int] = set()
        session = sync.create_session()

        def on_text(delta: str) -> None:
            threads.add(threading.get_ident())
            assert session.info().label  # the client is free for other calls

        result = session.send("count to 2", on_text=on_text)
        return threads, threading.get_ident(), result.text, repr(session)

    threads, here, text, shown = await apart(work)
    assert threads == {here} and "2" in text and shown.startswith("Session(")


async def test_what_a_callback_raises_is_raised_once_the_run_is_over(sync: Client) -> None:
    def work() -> str:
        session = sync.create_session()

        def fail(_delta: str) -> None:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            session.send("count to 2", on_text=fail)
        return session.info().status

    assert await apart(work) == "idle"


async def test_a_stream_left_early_is_closed_and_the_client_goes_on(sync: Client) -> None:
    def work() -> tuple[int, int, int]:
        session = sync.create_session(task="count to 3")
        links: list[bool] = []
        events = session.events(on_link=links.append)
        first = next(events)
        events.close()
        rest = list(session.events(after=first.seq, until="run-complete"))
        return first.seq, rest[0].seq, links.count(True)

    assert await apart(work) == (1, 2, 1)


async def test_a_socket_is_a_block_whose_events_are_iterated(sync: Client) -> None:
    def work() -> tuple[list[int], bool, set[str]]:
        session = sync.create_session()
        with session.connect() as socket:
            here = {each.via for each in next(socket.presence())}
            accepted = socket.queue("count to 2")
            seen: list[int] = []
            for event in socket:
                seen.append(event.seq)
                if event.type == "run-complete":
                    break
        return seen, accepted.seq in seen, here

    seen, there, here = await apart(work)
    assert seen == list(range(1, len(seen) + 1)) and there and "socket" in here


async def test_files_go_in_pieces_both_ways(sync: Client) -> None:
    def work() -> tuple[int, bytes, str]:
        session = sync.create_session()
        size = session.put_file("big.txt", (b"x" * 1000 for _ in range(50))).size
        with session.open_file("big.txt") as pieces:
            data = b"".join(pieces)
        return int(size or 0), data, session.shell("wc -c < big.txt").stdout.strip()

    size, data, counted = await apart(work)
    assert (size, data, counted) == (50_000, b"x" * 50_000, "50000")


async def test_an_error_in_an_iterable_given_is_raised_where_it_was_given(sync: Client) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise ValueError("no more")

    def work() -> None:
        sync.create_session().put_file("half.txt", pieces())

    with pytest.raises(ValueError, match="no more"):
        await apart(work)


def test_a_client_that_is_not_open_says_so_and_can_be_closed_twice(tmp_path: Path) -> None:
    client = Client(data=tmp_path)
    with pytest.raises(RoostError, match="not open"):
        client.agents()
    before = set(threading.enumerate())  # some of which may end meanwhile
    with client:
        assert len(set(threading.enumerate()) - before) == 1
    assert set(threading.enumerate()) <= before
    with pytest.raises(RoostError, match="not open"):
        client.agents()


INTERRUPTED = """
import sys, threading
from roost import Client
with Client(data=sys.argv[1]) as client:
    session = client.create_session()
    try:
        for event in session.events():
            if event.type == "runtime-ready":
                print("waiting", flush=True)
    except KeyboardInterrupt:
        print("interrupted", session.info().status, flush=True)
print(threading.active_count())
"""


async def test_ctrl_c_ends_an_iterator_at_once_and_the_client_can_be_used_after_it(hub: RunningHub) -> None:
    def work() -> list[str]:
        command = [sys.executable, "-c", INTERRUPTED, str(hub.data)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            try:
                assert child.stdout.readline() == "waiting\n"
                os.kill(child.pid, signal.SIGINT)
                said, _ = child.communicate(timeout=20)
            finally:
                child.kill()
        return said.split("\n")

    assert await apart(work) == ["interrupted idle", "1", ""]


# --- import roost ---


def test_the_package_offers_the_clients_and_every_error() -> None:
    assert set(roost.__all__) >= {"AsyncClient", "AsyncSession", "Client", "Session", "Event"}
    assert {cls.__name__ for cls in ERRORS.values()} <= set(roost.__all__)
    assert all(getattr(roost, name) is not None for name in roost.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _: Any = roost.Nothing  # pyright: ignore[reportAttributeAccessIssue]


def test_importing_the_package_loads_nothing_else() -> None:
    script = (
        "import sys, roost; print([m for m in sys.modules if m.startswith(('roost.', 'httpx', 'anyio', 'msgspec'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("kind", [Client, Session, Socket])
def test_typical_use_uses_everything_there_is(kind: type) -> None:
    tree = ast.parse((ROOT / "tests/client/typical_use.py").read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {name for name in dir(kind) if not name.startswith("_")} - used == set()


@pytest.mark.timeout(180)
def test_typical_use_passes_pyright_in_strict_mode(tmp_path: Path) -> None:
    """As in a project of its own, which has Roost installed."""
    (tmp_path / "used.py").write_text((ROOT / "tests/client/typical_use.py").read_text(encoding="utf-8"))
    project = f'{{"typeCheckingMode": "strict", "extraPaths": ["{ROOT / "src"}"], "pythonVersion": "3.11"}}'
    (tmp_path / "pyrightconfig.json").write_text(project)
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--project", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
