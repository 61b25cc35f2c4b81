"""What every runtime keeps. A new one adds itself to `RUNTIMES` and must pass unchanged; its hosts never find a hub."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import anyio
import msgspec
import psutil
import pytest

from roost.model.errors import StartFailed
from roost.model.events import WorkspaceSpec
from roost.model.ids import SessionId
from roost.model.ticket import Ticket
from roost.ports import Runtime
from roost.processes import HOST_MARK, SCREEN_MARK, marked, new_host_mark, screen_folder, session_of
from roost.runtimes import RUNTIMES, load_runtime

SESSION = SessionId("codesess_c0117ac70001")
OTHER = SessionId("codesess_c0117ac70002")
SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(params=sorted(RUNTIMES))
async def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Runtime]:
    runtime = load_runtime(request.param, tmp_path)
    yield runtime
    for session in (SESSION, OTHER):
        await runtime.kill(session)
    assert processes() == []


@pytest.fixture
def ticket(tmp_path: Path) -> Callable[..., Ticket]:
    def make(session: SessionId = SESSION, epoch: int = 1, **env: str) -> Ticket:
        return Ticket(
            session=session,
            epoch=epoch,
            token="hidden-token",
            data=str(tmp_path),
            agent="scripted",
            workspace=WorkspaceSpec(kind="folder", path=str(tmp_path)),
            env=env,
            settings={},
        )

    return make


def processes(session: SessionId | None = None) -> list[psutil.Process]:
    ours = (SESSION, OTHER) if session is None else (session,)
    return marked(HOST_MARK, lambda mark: session_of(mark) in ours)


async def only_process() -> psutil.Process:
    """The one host; between fork and the end of exec its environment cannot be read yet."""
    with anyio.fail_after(10):
        while True:
            if len(found := processes()) == 1:
                return found[0]
            await anyio.sleep(0.01)


async def test_a_started_host_is_alive_in_its_epoch_only(runtime: Runtime, ticket: Callable[..., Ticket]) -> None:
    assert not await runtime.alive(SESSION, 1)
    await runtime.start(ticket(epoch=3))
    assert await runtime.alive(SESSION, 3)
    assert not await runtime.alive(SESSION, 2)
    assert not await runtime.alive(OTHER, 3)


async def test_who_can_open_nothing_more_takes_no_host_for_dead_nor_for_killed(
    runtime: Runtime, ticket: Callable[..., Ticket]
) -> None:
    await runtime.start(ticket())
    assert await runtime.alive(SESSION, 1)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        alive = await runtime.alive(SESSION, 1)
        with pytest.raises(StartFailed):
            await runtime.kill(SESSION)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert alive
    assert await runtime.alive(SESSION, 1)


@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_where_no_further_thread_can_be_had_no_host_is_taken_for_dead_nor_for_killed(name: str, tmp_path: Path) -> None:
    async def ask() -> bool:
        runtime = load_runtime(name, tmp_path)
        alive = await runtime.alive(SESSION, 1)
        with pytest.raises(StartFailed):
            await runtime.kill(SESSION)
        return alive

    before = threading.stack_size(1 << 46)  # more than there is room for
    try:
        assert anyio.run(ask)
    finally:
        threading.stack_size(before)


async def test_killing_a_session_ends_its_hosts_of_every_epoch_and_no_others(
    runtime: Runtime, ticket: Callable[..., Ticket]
) -> None:
    for each in (ticket(epoch=1), ticket(epoch=2), ticket(OTHER)):
        await runtime.start(each)
    await runtime.kill(SESSION)
    assert processes(SESSION) == []
    assert not await runtime.alive(SESSION, 2)
    assert await runtime.alive(OTHER, 1)


async def test_what_hosts_have_left_is_cleared_away_but_for_those_that_are_to_go_on(
    runtime: Runtime, ticket: Callable[..., Ticket]
) -> None:
    for each in (ticket(), ticket(OTHER)):
        await runtime.start(each)
    await runtime.clear([OTHER])
    assert processes(SESSION) == []
    assert await runtime.alive(OTHER, 1)


async def test_a_screen_goes_on_for_the_next_host_if_that_is_asked(
    runtime: Runtime, ticket: Callable[..., Ticket]
) -> None:
    await runtime.start(ticket())
    folder = screen_folder(Path(ticket().data), SESSION)
    folder.mkdir(parents=True)
    marks = {HOST_MARK: new_host_mark(SESSION, 1), SCREEN_MARK: SESSION}
    with subprocess.Popen(["sleep", "600"], env=os.environ | marks) as screen:
        await runtime.kill(SESSION, screen=False)
        assert [process.pid for process in processes(SESSION)] == [screen.pid]
        assert await runtime.screens() == [SESSION]
        await runtime.kill(SESSION)
        assert processes(SESSION) == []
    assert (await runtime.screens(), folder.exists()) == ([], False)


async def test_killing_what_does_not_run_does_nothing(runtime: Runtime) -> None:
    await runtime.kill(SESSION)
    await runtime.kill(SESSION)


async def test_a_host_that_died_is_not_alive_and_leaves_no_zombie(
    runtime: Runtime, ticket: Callable[..., Ticket]
) -> None:
    await runtime.start(ticket())
    host = await only_process()
    host.kill()
    with anyio.fail_after(10):
        while True:
            if not psutil.pid_exists(host.pid):
                break
            await anyio.sleep(0.01)
    assert not await runtime.alive(SESSION, 1)


async def test_a_stopped_host_is_alive_and_can_be_killed(runtime: Runtime, ticket: Callable[..., Ticket]) -> None:
    await runtime.start(ticket())
    host = await only_process()
    host.suspend()
    assert await runtime.alive(SESSION, 1)
    await runtime.kill(SESSION)
    assert processes() == []


async def test_a_restarted_hub_finds_its_hosts(
    runtime: Runtime, ticket: Callable[..., Ticket], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["runtime"]
    script = f"""
import sys, anyio, msgspec
from pathlib import Path
from roost.model.ticket import Ticket
from roost.runtimes import load_runtime
ticket = msgspec.json.decode(sys.stdin.buffer.read(), type=Ticket)
anyio.run(load_runtime({name!r}, Path(ticket.data)).start, ticket)
"""
    environment = os.environ | {"PYTHONPATH": str(SRC)}
    subprocess.run([sys.executable, "-c", script], input=msgspec.json.encode(ticket()), env=environment, check=True)
    assert await runtime.alive(SESSION, 1)
    await runtime.kill(SESSION)
    assert processes() == []


async def test_a_host_outlives_its_starters_terminal_and_group(runtime: Runtime, ticket: Callable[..., Ticket]) -> None:
    await runtime.start(ticket())
    host = await only_process()
    assert os.getsid(host.pid) == host.pid != os.getsid(0)


async def test_secrets_are_neither_in_the_environment_nor_on_the_command_line(
    runtime: Runtime, ticket: Callable[..., Ticket]
) -> None:
    await runtime.start(ticket(API_KEY="hidden-key"))
    host = await only_process()
    shown = str(host.environ()) + str(host.cmdline())
    assert "hidden" not in shown


async def test_a_large_ticket_arrives(runtime: Runtime, ticket: Callable[..., Ticket], tmp_path: Path) -> None:
    with anyio.fail_after(10):
        await runtime.start(ticket(BIG="x" * 1_000_000))
    assert await runtime.alive(SESSION, 1)


async def test_a_reused_pid_is_neither_alive_nor_killed(runtime: Runtime, tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        note = {"pid": stranger.pid, "started": "another-boot:1", "epoch": 1}
        (tmp_path / "hosts").mkdir()
        (tmp_path / "hosts" / f"{SESSION}.mark").touch()
        (tmp_path / "hosts" / f"{SESSION}.json").write_bytes(msgspec.json.encode(note))
        assert not await runtime.alive(SESSION, 1)
        await runtime.kill(SESSION)
        assert stranger.poll() is None
    finally:
        stranger.send_signal(signal.SIGKILL)
        stranger.wait()


async def test_a_host_that_cannot_be_started_says_so(
    runtime: Runtime, ticket: Callable[..., Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(StartFailed):
        await runtime.start(ticket())
