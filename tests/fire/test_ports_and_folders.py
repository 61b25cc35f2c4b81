"""Where a hub is, and that there is only one of it on a folder."""

import json
import os
import socket
import subprocess

import pytest
from anyio import to_thread

from tests.fire.hubs import ROOST, Fire, Hub
from tests.fire.watch import check_log, deltas, numbers, script, watching

pytestmark = [pytest.mark.anyio, pytest.mark.fire]


async def test_hosts_and_observers_find_a_hub_that_comes_back_on_another_port(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(300, 150)))
        async with watching(session) as (watch,):
            await watch.deltas(20)
            host, old = hub.host(session), hub.port
            await hub.kill()
            with socket.socket() as stranger:  # who has the old port now must not be taken for the hub
                stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                stranger.bind(("127.0.0.1", old))
                stranger.listen()
                stranger.setblocking(False)
                await hub.start()
                assert hub.port != old
                end = await watch.until("run-complete")
                assert not somebody_knocked(stranger), "whoever has the old port must be sent neither key nor token"
            assert hub.host(session) == host
            assert numbers(watch.events, end.run) == list(range(300))
        assert list(check_log(watch.events)) == [end.run]


async def test_hosts_find_a_hub_that_was_stopped_and_comes_back_on_another_port(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(300, 150)))
        async with watching(session) as (watch,):
            await watch.deltas(20)
            assert await hub.terminate() == 0
            assert not (hub.data / "hub.json").exists(), "a hub that stops says so"
            await hub.start()
            end = await watch.until("run-complete")
            assert numbers(watch.events, end.run) == list(range(300))
        assert list(check_log(watch.events)) == [end.run]


async def test_a_second_hub_on_a_folder_is_refused_and_the_first_is_unharmed(fire: Fire) -> None:
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session(task=script(deltas(200, 200)))
        async with watching(session) as (watch,):
            await watch.deltas(20)
            before = (hub.data / "hub.json").read_bytes()
            second = await to_thread.run_sync(second_hub, hub)
            assert (second.returncode, second.stdout) == (1, "")
            refusal = json.loads(second.stderr.splitlines()[-1])["error"]
            assert (refusal["code"], refusal["pid"]) == ("data_locked", hub.pid)
            assert str(hub.data) in refusal["message"]
            assert (hub.data / "hub.json").read_bytes() == before
            end = await watch.until("run-complete")
            assert numbers(watch.events, end.run) == list(range(200))
        assert (await client.health()).status == "ok"


async def test_the_folder_of_a_killed_hub_is_free_at_once(fire: Fire) -> None:
    """Its hosts are alive, and hold nothing of it."""
    hub = await fire.hub()
    async with hub.client() as client:
        session = await client.create_session()
        async with watching(session) as (watch,):
            await watch.until("runtime-ready")
            for _ in range(3):
                await hub.restart()
            assert (await session.send("still here")).text == "still here"
        assert "runtime-lost" not in watch.types()


def somebody_knocked(stranger: socket.socket) -> bool:
    try:
        stranger.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def second_hub(hub: Hub) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "ROOST_DATA": str(hub.data), "ROOST_PORT": "0", "ROOST_AGENT": "scripted"}
    return subprocess.run(
        [*ROOST, "up", "--json"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
