"""A session leaves as one file and comes back as the same history: on this hub, on another, whatever was in it."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from roost.client import AsyncClient, AsyncSession
from roost.model.envelope import encode_event
from roost.model.errors import (
    BlobNotFound,
    BodyTooLarge,
    BundleInvalid,
    Forbidden,
    RoostError,
    SessionArchived,
    SessionExists,
    SessionNotFound,
)  # fmt: skip
from roost.model.events import FileInput
from roost.model.ids import SessionId
from roost.testing import HubProcess, RunningHub, hub_process, running_hub
from tests.behaviour.conftest import awake, script, stands, until
from tests.githttp import git, make_served


@pytest.fixture(scope="module")
async def other() -> AsyncIterator[RunningHub]:
    async with running_hub(max_file_bytes=4 * 1024 * 1024) as running:
        yield running


async def exported(session: AsyncSession) -> bytes:
    async with session.export() as pieces:
        return b"".join([piece async for piece in pieces])


async def log_of(session: AsyncSession) -> list[bytes]:
    """The events as they are served, byte for byte."""
    lines: list[bytes] = []
    while events := (await session.read(after=len(lines), limit=5000)).events:
        lines += [encode_event(event) for event in events]
    return lines


def unpacked(bundle: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(bundle), mode="r:gz") as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}  # pyright: ignore[reportOptionalMemberAccess]


def packed(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


async def finished(client: AsyncClient, task: str = "count to 5", **options: object) -> AsyncSession:
    session = await client.create_session(task=task, **options)  # pyright: ignore[reportArgumentType]
    await until(session, "run-complete")
    return session


async def test_an_archived_session_is_the_same_on_another_hub_byte_for_byte(
    client: AsyncClient, other: RunningHub
) -> None:
    session = await finished(client, tags=["kept"], metadata={"a": "ü"})
    await session.archive()
    async with other.client() as there:
        copy = await there.import_session(await exported(session))
        assert copy.id == session.id
        assert await log_of(copy) == await log_of(session)
        assert await copy.messages() == await session.messages()
        ours, theirs = await session.snapshot(), await copy.snapshot()
        assert (theirs.seq, theirs.messages, theirs.record.metrics) == (ours.seq, ours.messages, ours.record.metrics)
        info = await copy.info()
        assert (info.phase, info.label, info.tags, info.metadata) == ("archived", "count to 5", ("kept",), {"a": "ü"})
        assert [found.session for found in (await there.list_sessions(tags=["kept"])).sessions] == [copy.id]
        with pytest.raises(SessionArchived):
            await copy.start("more")


async def test_what_was_still_at_work_comes_as_history_that_says_how_it_ended(
    client: AsyncClient, other: RunningHub
) -> None:
    session = await client.create_session(task=script({"text": "before"}, {"bash": {"command": "sleep 3600"}}))
    await until(session, "tool-start")
    async with other.client() as there:
        bundle = await exported(session)
        copy = await there.import_session(bundle)
        log, lines = await log_of(copy), unpacked(bundle)
        was = b"".join(data for name, data in lines.items() if name.startswith("events/")).splitlines()
        assert log[: len(was)] == was
        assert [json.loads(line)["body"]["type"] for line in log[len(was) :]] == ["run-error", "session-archived"]
        assert (await copy.messages())[-1].text == "before"
    await session.abort()


async def test_an_id_that_is_taken_is_refused_and_a_new_one_stands_beside_it(client: AsyncClient) -> None:
    session = await finished(client)
    bundle = await exported(session)
    with pytest.raises(SessionExists) as caught:
        await client.import_session(bundle)
    assert caught.value.details["session"] == session.id
    copy = await client.import_session(bundle, new_id=True)
    assert copy.id != session.id and (await copy.info()).session == copy.id
    assert (await log_of(copy))[: len(await log_of(session))] == await log_of(session)
    folder = Path(str((await session.info()).workspace.root))
    await copy.delete()
    assert folder.is_dir() and (await session.info()).phase == "active"  # the folder is the other one's


async def test_what_the_session_has_changed_goes_with_it_for_a_person_to_apply(
    client: AsyncClient, other: RunningHub, tmp_path: Path
) -> None:
    make_served(tmp_path / "made")
    session = await finished(
        client, script({"write": {"path": "new", "content": "mine\n"}}), workspace=tmp_path / "made/source"
    )
    bundle = await exported(session)
    (tmp_path / "patch").write_bytes(unpacked(bundle)["workspace.patch"])
    git(tmp_path / "made/source", "apply", str(tmp_path / "patch"))
    assert (tmp_path / "made/source/new").read_text() == "mine\n"
    async with other.client() as there:
        copy = await there.import_session(bundle)
        assert (await copy.info()).phase == "archived"  # nothing is applied, nothing made: there is no workspace here
        assert "workspace.patch" not in unpacked(await exported(copy))
    assert list((other.data / "worktrees").glob("*")) == []


async def test_a_patch_that_is_not_all_of_it_stays_behind(client: AsyncClient, tmp_path: Path) -> None:
    make_served(tmp_path / "made")
    session = await awake(client, workspace=tmp_path / "made/source")
    await session.put_file("long", "x" * 79 + "\n" + ("y" * 79 + "\n") * 20_000)
    assert (await session.diff()).truncated
    assert "workspace.patch" not in unpacked(await exported(session))
    await session.put_file("long", "short\n")
    assert b"+short" in unpacked(await exported(session))["workspace.patch"]
    await session.pause()
    await stands(session, lambda info: info.phase == "paused")
    assert "workspace.patch" not in unpacked(await exported(session))
    assert (await session.info()).phase == "paused", "to leave wakes nobody"


async def test_blobs_go_with_it(client: AsyncClient, other: RunningHub) -> None:
    blob = await client.put_blob(os.urandom(300_000), mime="image/png")
    session = await client.create_session(input=[FileInput(url=f"blob:{blob.hash}", mime="image/png")])
    await until(session, "run-complete", "run-error")
    bundle = await exported(session)
    assert unpacked(bundle)[f"blobs/{blob.hash}"] == await client.get_blob(blob.hash)
    async with other.client() as there:
        with pytest.raises(BlobNotFound):
            await there.get_blob(blob.hash)
        copy = await there.import_session(bundle)
        assert await there.get_blob(blob.hash) == await client.get_blob(blob.hash)
        await copy.delete()
        with pytest.raises(BlobNotFound):
            await there.get_blob(blob.hash)


async def test_a_long_log_comes_in_order(client: AsyncClient, other: RunningHub) -> None:
    session = await finished(client, script({"deltas": {"count": 3000, "bytes": 20}}))
    await session.archive()
    async with other.client() as there:
        copy = await there.import_session(await exported(session))
        assert await log_of(copy) == await log_of(session)


WRONG = [
    "no gzip", "no tar", "empty", "torn", "no end", "no head", "another format", "a newer version", "another session",
    "events left out", "a hole", "not an event", "an impossible event", "something else in it",
    "a blob of other content", "after the end",
]  # fmt: skip


def spoiled(how: str, bundle: bytes) -> bytes:
    members = unpacked(bundle)
    events = next(name for name in members if name.startswith("events/"))
    lines = members[events].splitlines(keepends=True)
    head = json.loads(members["roost.json"])
    match how:
        case "no gzip":
            return b"PK\x03\x04 hello"
        case "no tar":
            return gzip.compress(b"hello" * 1000)
        case "empty":
            return b""
        case "torn":
            return bundle[: len(bundle) // 2]
        case "no end":
            del members["end.json"]
        case "no head":
            del members["roost.json"]
        case "another format":
            members["roost.json"] = json.dumps(head | {"format": "zip"}).encode()
        case "a newer version":
            members["roost.json"] = json.dumps(head | {"version": 2}).encode()
        case "another session":
            members["roost.json"] = json.dumps(head | {"session": "codesess_000000000000"}).encode()
        case "events left out":
            members[events] = b"".join(lines[:-1])
        case "a hole":
            members[events] = b"".join(lines[:3] + lines[4:])
        case "not an event":
            members[events] = b"".join([*lines[:3], b'{"seq":4}\n', *lines[4:]])
        case "an impossible event":
            members[events] = b"".join([*lines[:-1], lines[0].replace(b'"seq":1,', b'"seq":%d,' % len(lines))])
        case "something else in it":
            members = {**members, "../../etc/passwd": b"root"}
        case "a blob of other content":
            members = {"roost.json": members["roost.json"], events: members[events], f"blobs/sha256-{'0' * 64}": b"no",
                       "end.json": json.dumps(json.loads(members["end.json"]) | {"blobs": 1}).encode()}  # fmt: skip
        case _:
            members = {**members, "events/9.jsonl": b""}
    return packed(members)


@pytest.fixture(scope="module")
async def whole(hub: HubProcess) -> AsyncIterator[tuple[SessionId, bytes]]:
    """A session, and its bundle."""
    async with hub.client() as client:
        session = await finished(client)
        yield session.id, await exported(session)


@pytest.mark.parametrize("how", WRONG)
async def test_what_is_no_bundle_or_not_all_of_one_makes_nothing(
    whole: tuple[SessionId, bytes], other: RunningHub, how: str
) -> None:
    session, bundle = whole
    bundle = spoiled(how, bundle)
    async with other.client() as there:
        before = (await there.list_sessions()).total
        with pytest.raises(BundleInvalid):
            await there.import_session(bundle)
        assert (await there.list_sessions()).total == before
        with pytest.raises(SessionNotFound):
            await there.session(session).info()
    assert list((other.data / "imports").iterdir()) == []
    assert not (other.data / "blobs" / "held" / session).exists()


async def test_a_bundle_may_be_as_large_as_a_file_and_no_larger(other: RunningHub) -> None:
    async with other.client() as there:
        with pytest.raises(BundleInvalid):
            await there.import_session(bytes(4 * 1024 * 1024))
        with pytest.raises(BodyTooLarge):
            await there.import_session(bytes(4 * 1024 * 1024 + 1))


async def test_a_bundle_may_not_unpack_without_end(other: RunningHub) -> None:
    async with other.client() as there:
        with pytest.raises(BundleInvalid, match="too large"):
            await there.import_session(packed({"workspace.patch": bytes(16 * 4 * 1024 * 1024 + 1)}))


async def test_only_an_admin_of_the_hub_imports_and_whoever_may_see_exports(
    client: AsyncClient, hub: HubProcess
) -> None:
    session = await finished(client, visibility="organization")
    key = await client.add_key("ada", scope="observer")
    async with hub.client(api_key=key.secret) as ada:
        bundle = await exported(ada.session(session.id))
        with pytest.raises(Forbidden):
            await ada.import_session(bundle, new_id=True)


@pytest.mark.fire
async def test_the_audit_says_who_has_imported_what(client: AsyncClient, other: RunningHub) -> None:
    session = await finished(client, label="goes away")
    async with other.client() as there:
        copy = await there.import_session(await exported(session), new_id=True)
        last = (await there.audit(limit=5000)).entries[-1]
        assert (last.action, last.by.user) == ("session-imported", (await copy.info()).owner.user)
        assert last.details == {"session": copy.id, "was": session.id}


async def test_a_hub_killed_in_an_import_has_all_of_the_session_or_nothing_of_it(
    client: AsyncClient, tmp_path: Path
) -> None:
    session = await finished(client, script({"deltas": {"count": 3000, "bytes": 20}}))
    await session.archive()
    bundle, log = await exported(session), await log_of(session)
    for wait in (0.0, 0.05, 0.15, 0.3):
        async with hub_process(tmp_path / str(wait)) as killed, killed.client(retry_seconds=0) as there:
            await there.list_sessions()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_try_import, there, bundle)
                with anyio.move_on_after(10):
                    while not list((killed.data / "imports").glob("*")):  # noqa: ASYNC110  # no event tells of it
                        await anyio.sleep(0.001)
                await anyio.sleep(wait)
                await killed.kill()
            await killed.restart()
            async with killed.client() as again:
                if (await again.list_sessions()).total:
                    assert await log_of(again.session(session.id)) == log
                else:
                    with pytest.raises(SessionNotFound):
                        await again.session(session.id).info()
                assert list((killed.data / "imports").iterdir()) == []


async def _try_import(client: AsyncClient, bundle: bytes) -> None:
    with suppress(RoostError):  # the hub was killed
        await client.import_session(bundle)
