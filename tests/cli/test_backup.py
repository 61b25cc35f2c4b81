"""`roost backup` while the hub runs, `roost restore` into a new folder, and a hub on that."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from roost.client import AsyncClient
from roost.model.envelope import encode_event
from roost.model.errors import DataLocked, Forbidden, StorageUnavailable
from roost.model.events import FileInput, TextInput
from roost.testing import RunningHub, hub_process, running_hub
from tests.cli.conftest import Roost


async def log_of(client: AsyncClient, session: str) -> list[bytes]:
    page = await client.session(session).read(limit=5000)
    return [encode_event(event) for event in page.events]


async def test_a_hub_on_the_restored_folder_serves_the_same_replays_keys_and_blobs(
    roost: Roost, client: AsyncClient, tmp_path: Path
) -> None:
    blob = await client.put_blob(b"x" * 200_000)
    given = FileInput(url=f"blob:{blob.hash}", mime="text/plain")
    kept = await client.create_session(input=[TextInput(text="count to 3"), given])
    await kept.wait_idle()
    await kept.archive()
    busy = await client.create_session(task='script: [{"bash": {"command": "sleep 600"}}]')
    async for _ in busy.events(until="tool-start"):
        pass
    key = await client.add_key("ada")
    done = await roost("backup", "all.tgz", "--json")
    file = roost.folder / "all.tgz"
    assert done.json == {"file": "all.tgz", "bytes": file.stat().st_size} and file.stat().st_mode & 0o777 == 0o600
    await busy.abort()

    new = tmp_path / "new"
    assert (await roost("restore", "all.tgz", "--data", str(new))).code == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
    async with running_hub(new, grace_seconds=0.2) as restored, restored.client() as there:
        assert await log_of(there, kept.id) == await log_of(client, kept.id)
        assert await there.get_blob(blob.hash) == b"x" * 200_000
        assert [each.id for each in await there.list_keys()] == [each.id for each in await client.list_keys()]
        async with restored.client(api_key=key.secret) as ada:
            assert (await ada.list_sessions()).total == 0
        async for _ in there.session(busy.id).events(until="session-paused"):
            pass
        log = await log_of(there, busy.id)
        ours = await log_of(client, busy.id)
        same = next(at for at, (a, b) in enumerate(zip(log, ours, strict=False)) if a != b)
        assert b'"tool-start"' in b"".join(log[:same])  # the same up to the backup


async def test_a_folder_that_is_used_or_not_empty_is_not_restored_into(roost: Roost, hub: RunningHub) -> None:
    await roost("backup", "all.tgz")
    taken = await roost("restore", "all.tgz", "--data", str(hub.data), "--json")
    assert (taken.code, taken.error["code"]) == (1, DataLocked.code)
    full = roost.folder / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    taken = await roost("restore", "all.tgz", "--data", str(full), "--json")
    assert taken.error["code"] == "folder_taken"
    (full / "notes.txt").unlink()
    assert (await roost("restore", "all.tgz", "--data", str(full))).code == 0


async def test_what_is_no_backup_or_not_all_of_one_makes_nothing(roost: Roost) -> None:
    await roost("backup", "all.tgz")
    whole = (roost.folder / "all.tgz").read_bytes()
    for name, content in (
        ("torn", whole[: len(whole) // 2]),
        ("short", whole[:-120]),
        ("none", b"hello"),
        ("empty", b""),
    ):
        (roost.folder / name).write_bytes(content)
        done = await roost("restore", name, "--data", str(roost.folder / "made"), "--json")
        assert done.error["code"] == "backup_invalid", name
    assert not any(path.name.startswith((".made", "made")) for path in roost.folder.iterdir())


async def test_only_an_admin_of_the_hub_backs_up_and_only_a_store_with_a_file(
    hub: RunningHub, client: AsyncClient
) -> None:
    key = await client.add_key("bob", scope="controller")
    async with hub.client(api_key=key.secret) as bob:
        with pytest.raises(Forbidden):
            async with bob.backup():
                pass
    async with running_hub(store="memory") as forgetful, forgetful.client() as there:
        with pytest.raises(StorageUnavailable):
            async with there.backup():
                pass


async def test_a_backup_that_is_killed_leaves_no_file_that_looks_whole(roost: Roost, client: AsyncClient) -> None:
    await client.put_blob(os.urandom(30_000_000))
    command = [sys.executable, "-m", "roost", "backup", "all.tgz"]
    child = await to_thread.run_sync(lambda: subprocess.Popen(command, cwd=roost.folder, env=roost.environment()))
    with anyio.fail_after(30):
        while not list(roost.folder.glob(".all.tgz.new")) and child.poll() is None:  # noqa: ASYNC110  # no event
            await anyio.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    await to_thread.run_sync(child.wait)
    assert not (roost.folder / "all.tgz").exists()


@pytest.mark.fire
@pytest.mark.timeout(90)
@pytest.mark.parametrize("moment", ["while the store is copied", "while it is sent"])
async def test_a_hub_killed_in_a_backup_leaves_no_whole_file_and_the_next_one_goes_on(
    tmp_path: Path, moment: str
) -> None:
    async with hub_process(tmp_path / "data") as hub, hub.client() as client:
        roost = Roost(hub.data, tmp_path)
        await client.put_blob(os.urandom(60_000_000))
        session = await client.create_session(task="count to 3")
        await session.wait_idle()
        log = await log_of(client, session.id)
        command = [sys.executable, "-m", "roost", "backup", "all.tgz"]
        child = await to_thread.run_sync(lambda: subprocess.Popen(command, cwd=tmp_path, env=roost.environment()))
        sought = {"while the store is copied": hub.data / "backups", "while it is sent": tmp_path}[moment]
        with anyio.fail_after(30):
            while not list(sought.glob("*.db" if sought != tmp_path else ".all.tgz.new")):  # noqa: ASYNC110  # no event
                await anyio.sleep(0.001)
        await hub.kill()
        assert await to_thread.run_sync(child.wait) != 0
        assert [path.name for path in tmp_path.iterdir() if "all.tgz" in path.name] == []
        await hub.start()
        assert list((hub.data / "backups").iterdir()) == []
        assert await log_of(client, session.id) == log
        assert (await roost("backup", "all.tgz")).code == 0
        assert (await roost("restore", "all.tgz", "--data", str(tmp_path / "new"))).code == 0
