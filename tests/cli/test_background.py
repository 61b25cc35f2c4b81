"""Hubs that `roost run` starts by itself, and hubs in a terminal: started, found, refused, stopped."""

import json
import os
import signal
import socket
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from roost.cli import codes
from roost.client import AsyncClient
from roost.processes import birth
from tests.cli.conftest import Roost
from tests.cli.terminal import CTRL_C, terminal


def hub_file(roost: Roost) -> dict[str, object]:
    return json.loads((roost.data / "hub.json").read_text())


async def test_run_starts_a_hub_that_stays(alone: Roost) -> None:
    done = await alone("run", "--agent", "scripted", "hello")
    assert (done.code, done.err) == (codes.OK, "")
    assert "hello" in done.out
    pid = int(str(hub_file(alone)["pid"]))
    assert birth(pid)
    assert os.getsid(pid) == pid, "the hub hangs on somebody's terminal"
    listed = await alone("ls", "--json")
    assert [info["label"] for info in listed.json["sessions"]] == ["hello"]
    assert "ready" in (alone.data / "hub.log").read_text()
    assert (alone.data.stat().st_mode & 0o777) == 0o700


async def test_the_hub_survives_ctrl_c_in_the_terminal_that_started_it(alone: Roost) -> None:
    slow = 'script: [{"deltas": {"count": 2000, "bytes": 10, "per_second": 20}}]'
    async with terminal(
        "run", "--agent", "scripted", slow, environment=alone.environment(), folder=alone.folder
    ) as tty:
        await tty.until("00000002")
        tty.press(CTRL_C)
        assert await tty.end() == codes.DETACHED
    assert [info["status"] for info in (await alone("ls", "--json")).json["sessions"]] == ["busy"]


async def test_two_runs_at_once_start_one_hub(alone: Roost) -> None:
    ended: list[int] = []

    async def run() -> None:
        done = await alone("run", "--agent", "scripted", "hello", "--json")
        ended.append(done.code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        tasks.start_soon(run)
        tasks.start_soon(run)
    assert ended == [codes.OK] * 3
    assert (await alone("ls", "--json")).json["total"] == 3


async def test_without_an_agent_nothing_is_started(alone: Roost) -> None:
    told = await alone("run", "hello")
    assert told.code == codes.ERROR
    assert "--agent scripted" in told.err
    assert "ROOST_AGENT" in told.err
    assert (await alone("run", "hello", "--json")).error["code"] == "agent_not_configured"
    assert not alone.data.exists()


async def test_the_agent_may_come_from_the_environment_or_the_file(alone: Roost) -> None:
    assert (await alone("run", "hello", ROOST_AGENT="scripted")).code == codes.OK
    config = alone.folder / "config.toml"
    config.write_text('agent = "scripted"')
    assert (await alone("run", "hello", ROOST_CONFIG=str(config))).code == codes.OK


async def test_a_port_that_is_taken_does_not_matter_to_run(alone: Roost) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert (await alone("run", "--agent", "scripted", "hello", ROOST_PORT=port)).code == codes.OK
        assert not str(hub_file(alone)["url"]).endswith(f":{port}")


async def test_a_hub_that_cannot_start_says_why(alone: Roost) -> None:
    alone.data.mkdir()
    (alone.data / "roost.db").write_text("this is no database, and it is long enough to be looked at as one")
    told = await alone("run", "--agent", "scripted", "hello", "--json")
    assert told.code == codes.ERROR
    assert told.error["code"] == "storage_unavailable"


async def test_up_prints_one_line_when_it_is_ready_and_sigterm_ends_it(alone: Roost) -> None:
    async with terminal(
        "up", "--json", "--port", "0", environment=alone.environment(), folder=alone.folder, columns=500
    ) as tty:
        await tty.until('"pid"')
        ready = json.loads(next(line for line in tty.screen.splitlines() if '"pid"' in line))
        assert ready["pid"] == tty.process.pid
        assert ready["data"] == str(alone.data)
        assert Path(ready["api_key_file"]).read_text().startswith("agc_")
        assert (Path(ready["api_key_file"]).stat().st_mode & 0o777) == 0o600
        assert hub_file(alone)["url"] == ready["url"]
        tty.process.send_signal(signal.SIGTERM)
        assert await tty.end() == codes.OK
        assert '"sessions": 0, "hosts": "go on", "event": "stopping"' in tty.screen


async def test_up_says_where_it_is_and_ctrl_c_ends_it_cleanly(alone: Roost) -> None:
    async with terminal("up", "--port", "0", environment=alone.environment(), folder=alone.folder) as tty:
        screen = await tty.until("stop ")
        assert "Roost is up at http://127.0.0.1:" in screen
        assert "roost attach" in screen
        tty.press(CTRL_C)
        assert await tty.end(30) == codes.OK
    assert "Traceback" not in tty.screen


STUBBORN = 'script: [{"text": "up"}, {"hang": true}]'
"""Stopping this run takes its whole grace of 2 s."""


async def at_work(roost: Roost) -> tuple[str, int]:
    """A new session that will not stop when it is told to, and the pid of its host."""
    async with AsyncClient(data=roost.data) as client:
        session = await client.create_session(agent="scripted", task=STUBBORN)
        with anyio.fail_after(20):
            async with aclosing(session.events(until="text-delta")) as events:
                async for _ in events:
                    pass
    return session.id, int(json.loads((roost.data / "hosts" / f"{session.id}.json").read_text())["pid"])


async def test_ctrl_c_puts_sessions_to_sleep_and_says_how_many_are_still_awake(alone: Roost) -> None:
    async with terminal("up", "--port", "0", environment=alone.environment(), folder=alone.folder) as tty:
        await tty.until("stop ")
        _, host = await at_work(alone)
        tty.press(CTRL_C)
        await tty.until("Putting 1 session to sleep. Ctrl-C once more kills")
        await tty.until("1 still awake")
        assert await tty.end(30) == codes.OK
    assert birth(host) is None


async def test_a_second_ctrl_c_ends_at_once_with_every_process_and_the_next_hub_goes_on(alone: Roost) -> None:
    async with terminal("up", "--port", "0", environment=alone.environment(), folder=alone.folder) as tty:
        await tty.until("stop ")
        session, host = await at_work(alone)
        tty.press(CTRL_C)
        await tty.until("Ctrl-C once more")
        tty.press(CTRL_C)
        assert await tty.end() == codes.DETACHED
        assert birth(host) is None
        assert "Traceback" not in tty.raw.decode()
    assert not (alone.data / "hub.json").exists()
    assert (await alone("run", "--agent", "scripted", "next")).code == codes.OK
    assert "asleep" in (await alone("show", session)).out
    assert (await alone("send", session, "go on")).code == codes.OK


async def test_down_shows_how_many_sessions_are_still_awake(alone: Roost) -> None:
    await alone("run", "--agent", "scripted", "hello")
    _, host = await at_work(alone)
    async with terminal("down", environment=alone.environment(), folder=alone.folder) as tty:
        await tty.until("still awake")
        assert await tty.end(30) == codes.OK
        assert "its sessions sleep" in tty.screen
    assert birth(host) is None
    assert '"event": "shutting down"' in (alone.data / "hub.log").read_text()
    assert '"sessions": 2' in (alone.data / "hub.log").read_text()


async def test_a_second_hub_on_the_folder_is_refused(alone: Roost) -> None:
    await alone("run", "--agent", "scripted", "hello")
    told = await alone("up", "--port", "0", "--json")
    assert (told.code, told.error["code"]) == (codes.ERROR, "data_locked")
    assert told.error["pid"] == hub_file(alone)["pid"]
    assert "roost down" in (await alone("up", "--port", "0")).err


async def test_a_hub_that_cannot_say_where_it_is_does_not_start(alone: Roost) -> None:
    (alone.data / "hub.json").mkdir(parents=True)
    told = await alone("up", "--port", "0", "--json")
    assert (told.code, told.error["code"]) == (codes.ERROR, "data_unwritable")
    assert str(alone.data) in told.error["message"]


async def test_a_port_that_is_taken_is_refused_by_up(alone: Roost) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = await alone("up", "--port", str(taken.getsockname()[1]), "--json")
    assert (told.code, told.error["code"]) == (codes.ERROR, "start_failed")


async def test_down_ends_hub_and_hosts_and_the_next_run_takes_everything_up(alone: Roost) -> None:
    await alone("run", "--agent", "scripted", "hello")
    pid = int(str(hub_file(alone)["pid"]))
    assert (await alone("down", "--json")).json == {"stopped": True}
    assert birth(pid) is None
    assert not (alone.data / "hub.json").exists()
    assert (await alone("down", "--json")).json == {"stopped": False}
    assert (await alone("down")).code == codes.OK
    await alone("run", "--agent", "scripted", "again")
    listed = (await alone("ls", "--json")).json["sessions"]
    assert [(info["label"], info["phase"]) for info in listed] == [("again", "active"), ("hello", "paused")]
    assert "asleep" in (await alone("ls")).out


async def test_a_killed_hub_is_replaced_by_the_next_run(alone: Roost) -> None:
    await alone("run", "--agent", "scripted", "hello")
    os.kill(int(str(hub_file(alone)["pid"])), signal.SIGKILL)
    told = await alone("ls", "--json")
    assert (told.code, told.error["code"]) == (codes.NO_HUB, "hub_unreachable")
    assert (await alone("run", "--agent", "scripted", "again")).code == codes.OK
    assert (await alone("ls", "--json")).json["total"] == 2


@pytest.mark.parametrize("command", [["ls"], ["show", "x"]])
async def test_a_command_waits_for_a_hub_that_restarts_only_if_it_met_it(command: list[str], alone: Roost) -> None:
    with anyio.fail_after(10):
        assert (await alone(*command)).code == codes.NO_HUB
