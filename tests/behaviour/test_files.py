"""Files of the workspace: read, written, listed, removed; and nothing outside it, by whatever path."""

import os
import socket
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import anyio
import httpx
import psutil
import pytest

from roost.client import AsyncClient, AsyncSession
from roost.model.errors import (
    BodyTooLarge,
    FileMissing,
    HubUnreachable,
    InvalidRequest,
    NotAFile,
    NotAFolder,
    NotText,
    PathOutside,
    RoostError,
    SessionAsleep,
    SessionClosed,
)  # fmt: skip
from roost.model.workspace import MAX_ENTRIES, MAX_PATH_BYTES
from roost.testing import HubProcess, hub_process
from tests.behaviour.conftest import Mark, awake, comes_true, stands, types

MIB = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
async def session(client: AsyncClient, folder: Path) -> AsyncSession:
    return await awake(client, workspace=folder)


@pytest.fixture(scope="module")
async def shared(hub: HubProcess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[AsyncSession, Path]]:
    """A session, and its folder, for tests that leave the folder as it was: empty."""
    made = tmp_path_factory.mktemp("shared")
    async with hub.client() as client:
        yield await awake(client, workspace=made), made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def pieces(count: int, size: int = MIB) -> AsyncIterator[bytes]:
    for number in range(count):
        yield number.to_bytes(4, "big") * (size // 4)


async def test_a_file_is_written_read_and_removed(session: AsyncSession, folder: Path, mark: Mark) -> None:
    before = await types(session)
    await mark()
    written = await session.put_file("deep/er/ünï côde ☃.txt", "grün\n")
    assert (written.path, written.kind, written.size) == ("deep/er/ünï côde ☃.txt", "file", 6)
    assert (folder / "deep" / "er" / "ünï côde ☃.txt").read_text() == "grün\n"
    assert await session.get_file("deep/er/ünï côde ☃.txt") == "grün\n"
    assert await session.get_file(str(folder / "deep/er/ünï côde ☃.txt")) == "grün\n"
    assert (await session.remove_file("deep/er/ünï côde ☃.txt")).size == 6
    with pytest.raises(FileMissing):
        await session.get_file("deep/er/ünï côde ☃.txt")
    assert await types(session) == before


@pytest.mark.parametrize("name", ["%41", "a?b", "a#b", "a b", "a&b=c", "-rf", "~", "\\", "a\nb", "...", ".hidden", "+"])
async def test_any_name_that_a_file_may_have_can_be_used(shared: tuple[AsyncSession, Path], name: str) -> None:
    session, folder = shared
    await session.put_file(name, name)
    assert (folder / name).read_text() == name
    assert await session.get_file(name) == name
    assert [entry.path for entry in (await session.list_files()).files] == [name]
    await session.remove_file(name)
    assert names(folder) == []


@pytest.mark.parametrize("data", [b"", b"\0\xff\xfe", b"x" * (512 * 1024), b"x" * (512 * 1024 + 1), b"y" * MIB])
async def test_bytes_come_back_as_they_were(shared: tuple[AsyncSession, Path], data: bytes) -> None:
    session, folder = shared
    await session.put_file("data", data)
    assert await session.get_file_buffer("data") == data
    (folder / "data").unlink()


async def test_text_is_utf8_or_it_is_no_text(session: AsyncSession) -> None:
    await session.put_file("data", b"\xff")
    with pytest.raises(NotText):
        await session.get_file("data")


async def test_a_file_is_replaced_as_a_whole_and_stays_executable(session: AsyncSession, folder: Path) -> None:
    script = folder / "run"
    script.write_text("old")
    script.chmod(0o755)
    with script.open() as reader:
        entry = await session.put_file("run", "new")
        assert reader.read() == "old"
    assert script.read_text() == "new"
    assert entry.executable
    assert script.stat().st_mode & 0o777 == 0o755
    assert names(folder) == ["run"]


async def test_folders_are_listed_in_order_and_as_deep_as_is_asked(session: AsyncSession, folder: Path) -> None:
    for name in ("b/c/d", "b/a", "a", ".git/config"):
        await session.put_file(name, name)
    (folder / "link").symlink_to("a")
    os.mkfifo(folder / "pipe")
    flat = await session.list_files()
    assert [(entry.path, entry.kind) for entry in flat.files] == [
        (".git", "folder"), ("a", "file"), ("b", "folder"), ("link", "link"), ("pipe", "other"),
    ]  # fmt: skip
    deep = await session.list_files("b", recursive=True)
    assert [entry.path for entry in deep.files] == ["b/a", "b/c", "b/c/d"]
    whole = await session.list_files(recursive=True)
    assert ".git" in [entry.path for entry in whole.files]
    assert ".git/config" not in [entry.path for entry in whole.files]
    with pytest.raises(NotAFolder):
        await session.list_files("a")
    with pytest.raises(FileMissing):
        await session.list_files("nowhere")


async def test_lists_end_at_their_limit_and_say_so(session: AsyncSession, folder: Path) -> None:
    for number in range(3):
        (folder / str(number)).touch()
    exact, short = await session.list_files(limit=3), await session.list_files(limit=2)
    assert (len(exact.files), exact.truncated) == (3, False)
    assert (len(short.files), short.truncated) == (2, True)
    assert not (await session.list_files(limit=MAX_ENTRIES)).truncated
    for limit in (0, MAX_ENTRIES + 1):
        with pytest.raises(InvalidRequest):
            await session.list_files(limit=limit)


async def test_names_that_are_no_text_are_listed_readably(session: AsyncSession, folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff")).touch()
    assert [entry.path for entry in (await session.list_files()).files] == ["bad\\xff"]


async def test_disk_use_counts_files_and_folders(session: AsyncSession) -> None:
    await session.put_file("a/b", b"x" * 1000)
    await session.put_file("c", b"x" * 24)
    use = await session.disk_use()
    assert (use.bytes, use.files, use.folders, use.truncated) == (1024, 2, 1, False)


# --- nothing outside --------------------------------------------------------------------------------------------------

OUTSIDE = ["..", "../secret", "a/../../secret", "/etc/passwd", "{outside}/secret", "out/secret", "way/secret", "file"]


def ways_out(folder: Path) -> Path:
    """A folder with a secret beside the workspace, and every kind of link that leads there."""
    other = folder.parent / "outside"
    other.mkdir()
    (other / "secret").write_text("secret")
    (folder.parent / "secret").write_text("secret")
    (folder / "a").mkdir()
    (folder / "out").symlink_to(other)
    (folder / "way").symlink_to("../outside")
    (folder / "file").symlink_to(other / "secret")
    (folder / "loop").symlink_to("loop")
    return other


@pytest.fixture
def outside(folder: Path) -> Path:
    return ways_out(folder)


@pytest.fixture(scope="module")
async def fenced(hub: HubProcess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[AsyncSession, Path]]:
    """A session with ways out of its folder, for tests in which nobody gets there; and where they lead."""
    folder = tmp_path_factory.mktemp("fenced") / "work"
    folder.mkdir()
    other = ways_out(folder)
    async with hub.client() as client:
        yield await awake(client, workspace=folder), other


@pytest.mark.parametrize("path", [*OUTSIDE, "loop", "loop/x"])
async def test_no_path_leads_out(fenced: tuple[AsyncSession, Path], path: str) -> None:
    session, outside = fenced
    path = path.format(outside=outside)
    for attempt in (
        lambda: session.get_file(path),
        lambda: session.put_file(path, "mine"),
        lambda: session.list_files(path),
        lambda: session.shell("touch here", cwd=path),
    ):
        with pytest.raises(PathOutside):
            await attempt()
    assert (outside / "secret").read_text() == "secret"
    assert names(outside) == ["secret"]
    assert not (outside.parent / "work" / "here").exists()


@pytest.mark.parametrize("path", ["..", "../secret", "/etc/passwd", "{outside}/secret", "out/secret", "way/secret"])
async def test_nothing_outside_is_removed_or_looked_at(fenced: tuple[AsyncSession, Path], path: str) -> None:
    session, outside = fenced
    path = path.format(outside=outside)
    with pytest.raises(PathOutside):
        await session.remove_file(path)
    with pytest.raises(PathOutside):
        await session.stat(path)
    assert (outside / "secret").read_text() == "secret"


async def test_a_link_is_removed_and_looked_at_itself(session: AsyncSession, outside: Path, folder: Path) -> None:
    assert (await session.stat("file")).kind == "link"
    assert (await session.remove_file("file")).kind == "link"
    assert not (folder / "file").is_symlink()
    assert (outside / "secret").read_text() == "secret"


async def test_links_within_the_workspace_work(session: AsyncSession, folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")
    await session.put_file("link/file", "through")
    (folder / "alias").symlink_to("real/file")
    assert await session.get_file("alias") == "through"
    await session.put_file("alias", "again")
    assert (folder / "real" / "file").read_text() == "again"
    assert (folder / "alias").is_symlink()


async def test_what_is_no_plain_file_is_not_opened(session: AsyncSession, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "folder" / "full").touch()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        for name in ("pipe", "folder", "socket", ""):
            with pytest.raises(NotAFile):
                await session.put_file(name, "mine")
            if name:
                with pytest.raises(NotAFile):
                    await session.get_file(name)
    with pytest.raises(NotAFile):
        await session.remove_file("folder")
    await session.put_file("plain", "")
    for attempt in (session.get_file("plain/below"), session.put_file("plain/below", "")):
        with pytest.raises(NotAFolder):
            await attempt


async def test_paths_have_a_longest_and_no_zero_byte(session: AsyncSession) -> None:
    with pytest.raises(FileMissing):
        await session.stat("/".join(["x" * 200] * 20)[:MAX_PATH_BYTES])
    for path in ("x/" * (MAX_PATH_BYTES // 2) + "x", "a\0b", "x" * 256):
        with pytest.raises(InvalidRequest):
            await session.stat(path)


async def test_a_key_is_refused_since_nothing_is_recorded(client: AsyncClient, session: AsyncSession) -> None:
    address = client.address
    headers = {"Authorization": f"Bearer {address.api_key}", "Idempotency-Key": "mine"}
    async with httpx.AsyncClient(base_url=f"{address.url}/v1/sessions/{session.id}", headers=headers) as http:
        for method, path in (("PUT", "/files/a"), ("GET", "/files/a"), ("DELETE", "/files/a"), ("POST", "/merge")):
            answer = await http.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


# --- asleep -----------------------------------------------------------------------------------------------------------


async def test_reading_wakes_nobody_unless_asked_to_and_writing_does(session: AsyncSession, mark: Mark) -> None:
    await session.put_file("file", "kept")
    await session.pause()
    await stands(session, lambda info: info.phase == "paused")
    await mark()
    for attempt in (session.get_file("file"), session.list_files(), session.stat("file"), session.diff()):
        with pytest.raises(SessionAsleep):
            await attempt
    assert (await session.info()).phase == "paused"
    assert await session.get_file("file", wake=True) == "kept"
    await session.pause()
    await stands(session, lambda info: info.phase == "paused")
    await session.put_file("file", "anew")
    assert await session.get_file("file") == "anew"


async def test_a_session_that_could_not_start_has_no_files(client: AsyncClient, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    session = await client.create_session(workspace=gone)
    gone.rmdir()
    with pytest.raises((RoostError, SessionClosed)):
        await session.get_file("file")


# --- large ------------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
async def test_a_large_file_streams_through_hub_and_host_in_little_memory(
    hub: HubProcess, client: AsyncClient, folder: Path
) -> None:
    session = await awake(client, workspace=folder)
    host = psutil.Process(int((await session.shell("echo $PPID")).stdout))
    both = (psutil.Process(hub.pid), host)
    small = [process.memory_info().rss for process in both]
    peak = list(small)
    done = anyio.Event()

    async def watch() -> None:
        while not done.is_set():
            for index, process in enumerate(both):
                peak[index] = max(peak[index], process.memory_info().rss)
            await anyio.sleep(0.02)

    count = 200
    sent, got = sha256(), sha256()
    async for piece in pieces(count):
        sent.update(piece)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        assert (await session.put_file("large", pieces(count))).size == count * MIB
        async with session.open_file("large") as parts:
            async for part in parts:
                got.update(part)
        done.set()
    assert got.digest() == sent.digest()
    assert [high - low for high, low in zip(peak, small, strict=True) if high - low > 40 * MIB] == []


async def test_files_have_a_largest_size(tmp_path: Path) -> None:
    async with hub_process(tmp_path / "data", max_file_bytes=MIB) as hub, hub.client() as client:
        session = await awake(client)
        assert (await session.put_file("fits", b"x" * MIB)).size == MIB
        with pytest.raises(BodyTooLarge):
            await session.put_file("fits", b"y" * (MIB + 1))
        assert await session.get_file_buffer("fits") == b"x" * MIB
        assert [entry.path for entry in (await session.list_files()).files] == ["fits"]


async def test_a_write_that_breaks_off_leaves_what_was_there(
    hub: HubProcess, session: AsyncSession, folder: Path
) -> None:
    await session.put_file("file", "whole")

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * MIB
        await comes_true(lambda: len(names(folder)) == 2)
        await hub.restart()
        yield b"x" * MIB

    with pytest.raises(HubUnreachable):
        await session.put_file("file", broken())
    assert await session.get_file("file") == "whole"
    await comes_true(lambda: names(folder) == ["file"])


async def test_a_read_that_breaks_off_is_not_taken_for_a_whole_one(hub: HubProcess, session: AsyncSession) -> None:
    await session.put_file("file", pieces(30))

    async def read() -> None:
        async with session.open_file("file") as parts:
            async for _ in parts:
                if hub.url:
                    await hub.kill()

    with pytest.raises(HubUnreachable):
        await read()
    await hub.start()
    assert len(await session.get_file_buffer("file")) == 30 * MIB
