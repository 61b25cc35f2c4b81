"""A session in a clone: at work where it was asked to be, its credentials seen by nobody, whatever dies meanwhile."""

import gzip
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from roost.client import AsyncClient, AsyncSession
from roost.model.addresses import CREDENTIALS
from roost.model.errors import WorkspaceInvalid
from roost.testing import HubProcess
from tests.behaviour.conftest import stands, types, until
from tests.githttp import GitServer, git, git_server, make_served

BASH = 'script: [{"bash": {"command": "cat file; git fetch && git remote get-url origin"}}]'


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served") / "repositories"
    make_served(root)
    return root


@pytest.fixture(scope="module")
def serving(repositories: Path) -> Iterator[GitServer]:
    with git_server(repositories) as server:
        yield server


@pytest.fixture
async def server(serving: GitServer) -> AsyncIterator[GitServer]:
    yield serving
    serving.passes.set()
    serving.cuts, serving.credentials = 0, None


async def outputs(session: AsyncSession) -> str:
    return "".join([str(getattr(event.body, "delta", "")) for event in (await session.read(limit=5000)).events])


async def test_a_session_works_in_a_clone_with_credentials_that_nobody_sees(
    client: AsyncClient, hub: HubProcess, server: GitServer
) -> None:
    server.credentials = "me:s3cret"
    place = {"url": server.url(credentials="me:s3cret"), "base": "feature/x"}
    session = await client.create_session(task=BASH, workspace=place)
    await until(session, "run-complete", "run-error")
    assert await outputs(session) == f"feature/x\n{server.url()}\n"  # git fetch has found its way, too
    info = await session.info()
    assert (info.workspace.kind, info.workspace.url, info.workspace.base) == ("clone", server.url(), "feature/x")
    async with session.export() as pieces:
        bundle = b"".join([piece async for piece in pieces])
    log = gzip.decompress(bundle).decode()
    told = [log, str(info), str(await session.snapshot()), str(await session.diagnostics())]
    told += [path.read_text(errors="replace") for path in (hub.log, *(hub.data / "logs").iterdir())]
    assert not [text for text in told if "s3cret" in text or "bWU6" in text]
    assert f'"{CREDENTIALS}":"***"' in log, "that there are some may be seen"


async def test_an_address_that_is_not_taken_makes_no_session(client: AsyncClient) -> None:
    before = (await client.list_sessions()).total
    with pytest.raises(WorkspaceInvalid):
        await client.create_session(workspace={"url": "ext::sh -c evil"})
    assert (await client.list_sessions()).total == before


async def test_a_clone_that_fails_ends_the_run_with_the_reason_and_the_next_run_tries_again(
    client: AsyncClient, server: GitServer, repositories: Path
) -> None:
    session = await client.create_session(task="hello", workspace={"url": server.url("late.git")})
    failed = await until(session, "run-error", "run-complete")
    assert failed.body.error.code == "workspace_invalid" and "not found" in failed.body.error.message  # pyright: ignore[reportAttributeAccessIssue]
    assert (await session.info()).phase == "active"
    git(repositories, "clone", "-q", "--mirror", "repo.git", "late.git")
    assert (await session.send("hello")).text == "hello"
    assert await session.get_file("file") == "main\n"


async def test_who_asks_for_a_session_does_not_wait_for_its_clone_and_a_pause_breaks_it_off(
    client: AsyncClient, server: GitServer
) -> None:
    server.passes.clear()
    session = await client.create_session(task="hello", workspace={"url": server.url()})
    await until(session, "workspace-updated")
    await session.pause()
    assert (await types(session)).count("workspace-updated") == 1
    server.passes.set()
    assert (await session.send("hello again")).text == "hello again"
    assert await session.get_file("file") == "main\n"


async def test_a_hub_killed_in_a_clone_finds_it_made(client: AsyncClient, hub: HubProcess, server: GitServer) -> None:
    server.passes.clear()
    session = await client.create_session(task="hello", workspace={"url": server.url()})
    await until(session, "workspace-updated")
    await hub.kill()
    server.passes.set()
    await hub.start()
    await until(session, "run-complete", "run-error")
    seen = await types(session)
    assert "run-complete" in seen and seen.count("runtime-starting") == 1


async def test_a_host_killed_in_a_clone_leaves_a_half_made_one_that_is_made_anew(
    client: AsyncClient, hub: HubProcess, server: GitServer
) -> None:
    server.passes.clear()
    session = await client.create_session(task="hello", workspace={"url": server.url()})
    await until(session, "workspace-updated")
    host = (await session.diagnostics()).host
    assert isinstance(host.pid, int)
    os.kill(host.pid, signal.SIGKILL)
    info = await stands(session, lambda info: info.phase == "paused")
    assert Path(f"{info.workspace.root}.making").exists()
    server.passes.set()
    assert (await session.send("hello again")).text == "hello again"
    assert not Path(f"{info.workspace.root}.making").exists()
    assert await session.get_file("file") == "main\n"


async def test_a_session_that_is_deleted_in_its_clone_leaves_nothing(
    client: AsyncClient, hub: HubProcess, server: GitServer
) -> None:
    server.passes.clear()
    session = await client.create_session(workspace={"url": server.url()})
    await until(session, "workspace-updated")
    root = Path(str((await session.info()).workspace.root))
    assert root.parent == hub.data / "clones"
    await session.delete()
    assert not [path for path in root.parent.iterdir() if path.name.startswith(root.name)]
