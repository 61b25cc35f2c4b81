"""Content kept beside the logs: held while it is needed, and shown by those alone who stored it."""

import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import UNSET

from roost.core.bell import LocalBell
from roost.core.blobs import MAX_INLINE_BYTES, PREFIX, UPLOAD_SECONDS, Blobs, input_into, uploader_of
from roost.core.decisions import HUB
from roost.core.log import Log
from roost.core.session import Session
from roost.core.shelf import Shelf
from roost.model.envelope import draft
from roost.model.errors import AgentUnknown, BlobNotFound, BodyTooLarge, SessionBusy, SessionNotFound
from roost.model.events import ArtifactPublished, FileInput, InputPart, Principal, TextInput
from roost.model.ids import SessionId
from roost.model.made import MAX_ARTIFACTS, Made, find_artifact, with_artifact
from roost.storage.memory.store import MemoryStore
from roost.testing import running_hub
from tests.contract.given import append, new_session, text, texts

LONG = "data:a/b;base64," + base64.b64encode(bytes(MAX_INLINE_BYTES)).decode()
"""A file that becomes a blob."""


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_content_is_kept_once_and_goes_with_its_last_holder(blobs: Blobs, tmp_path: Path) -> None:
    first = await blobs.put(pieces(b"con", b"tent"), "codesess_1", "a/b")
    second = await blobs.put(pieces(b"content"), "codesess_2", "c/d")
    assert (first.hash, first.size) == (second.hash, 7)
    assert blobs.holders(first.hash) == {"codesess_1", "codesess_2"}
    await blobs.release("codesess_1")
    assert [piece async for piece in blobs.pieces(first.hash)] == [b"content"]
    await blobs.release("codesess_2")
    await blobs.release("codesess_2")
    with pytest.raises(BlobNotFound):
        blobs.size(first.hash)
    assert files(tmp_path) == []


async def test_an_upload_that_breaks_off_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"begin"
        raise BodyTooLarge

    with pytest.raises(BodyTooLarge):
        await blobs.put(broken(), "codesess_1", "a/b")
    assert files(tmp_path) == []


async def test_what_was_uploaded_and_not_used_is_forgotten_after_a_day(blobs: Blobs, tmp_path: Path) -> None:
    holder = uploader_of(Principal(user="anna"))
    old = await blobs.put(pieces(b"old"), holder, "a/b")
    used = await blobs.put(pieces(b"used"), holder, "a/b")
    fresh = await blobs.put(pieces(b"fresh"), holder, "a/b")
    await blobs.hold(used.hash, "codesess_1")
    for blob in (old, used):
        mark = tmp_path / "blobs" / "held" / holder / blob.hash
        past = mark.stat().st_mtime - UPLOAD_SECONDS - 1
        os.utime(mark, (past, past))
    (tmp_path / "blobs" / "new" / "torn.new").touch()
    await blobs.tidy()
    assert {name: bool(blobs.holders(name)) for name in (old.hash, used.hash, fresh.hash)} == {
        old.hash: False, used.hash: True, fresh.hash: True,
    }  # fmt: skip
    assert blobs.size(used.hash) == 4
    with pytest.raises(BlobNotFound):
        blobs.size(old.hash)
    assert not list((tmp_path / "blobs" / "new").iterdir())


@pytest.mark.parametrize("name", ["", "x", "sha256-" + "g" * 64, "sha256-" + "A" * 64, "../../etc/passwd", "held"])
async def test_what_is_no_name_names_nothing(blobs: Blobs, name: str) -> None:
    for attempt in (lambda: blobs.size(name), lambda: blobs.holders(name)):
        with pytest.raises(BlobNotFound):
            attempt()
    with pytest.raises(BlobNotFound):
        await blobs.hold(name, "codesess_1")


async def test_a_session_cannot_show_content_that_it_never_stored() -> None:
    async with running_hub() as running, running.client() as client:
        assert running.hub is not None
        blob = await client.put_blob(b"somebody's")
        session = await client.create_session()
        await session.shell("true")
        inside = await running.hub.find(session.id, HUB)
        forged = draft(ArtifactPublished(key="stolen", mime="a/b", blob=blob))
        await inside.append_from_host(inside.epoch, inside.produced + 1, [forged])
        with pytest.raises(BlobNotFound):
            await session.get_artifact_buffer("stolen")


def given(url: str) -> list[InputPart]:
    return [TextInput(text="look"), FileInput(url=url, mime="a/b")]


def blob_names(data: Path) -> set[str]:
    return {f"sha256-{path.name}" for path in (data / "blobs").glob("??/*")}


async def test_what_a_refused_input_brought_goes_and_what_a_recorded_one_brought_stays() -> None:
    async with running_hub() as running, running.client() as client:
        session = await client.create_session(task='script: [{"hang": true}]')
        uploaded = await client.put_blob(b"uploaded")
        before = blob_names(running.data)
        for url in (LONG, PREFIX + uploaded.hash):
            with pytest.raises(SessionBusy):
                await session.start(given(url))
        with pytest.raises(AgentUnknown):
            await client.create_session(input=given(LONG), agent="nobody")
        assert blob_names(running.data) == before == {uploaded.hash}
        with pytest.raises(BlobNotFound):
            await client.get_blob(uploaded.hash)  # its session never had it
        for url in (LONG, PREFIX + uploaded.hash):
            await session.queue(given(url))
        assert len(blob_names(running.data)) == 2
        assert await client.get_blob(uploaded.hash) == b"uploaded"
        assert [path.name for path in (running.data / "blobs" / "held").glob("codesess*")] == [session.id]


async def test_an_input_that_a_killed_hub_left_keeps_what_the_log_names_and_no_more(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as running, running.client() as client:
        session = await client.create_session(input=given(LONG))
        (recorded,) = blob_names(tmp_path)
        await running.stop()
        held, left = tmp_path / "blobs" / "held" / session.id, input_into(SessionId(session.id))
        held.rename(held.with_name(left))  # as if it had been killed right after the commit,
        blobs = Blobs(tmp_path / "blobs")
        refused = await blobs.put(pieces(b"refused"), left, "a/b")  # before another one, and before a create
        unborn = await blobs.put(pieces(b"unborn"), input_into(SessionId("codesess_000000000000")), "a/b")
        assert blob_names(tmp_path) == {recorded, refused.hash, unborn.hash}
        await running.start()
        assert blob_names(tmp_path) == {recorded}
        assert [path.name for path in held.parent.iterdir()] == [session.id]
        assert len(await client.get_blob(recorded)) == MAX_INLINE_BYTES


async def test_an_input_of_a_session_that_is_deleted_goes_with_it(blobs: Blobs, tmp_path: Path) -> None:
    holder = input_into(SessionId("codesess_1"))
    kept = await blobs.put(pieces(b"content"), holder, "a/b")
    assert (blobs.holders(kept.hash), blobs.held_by("codesess_1")) == ({"codesess_1"}, [kept.hash])
    await blobs.release("codesess_1")
    assert files(tmp_path) == []


async def test_what_is_left_of_an_input_is_looked_for_in_what_is_kept_of_a_log(tmp_path: Path) -> None:
    store, blobs = MemoryStore(), Blobs(tmp_path / "blobs")
    holder = input_into(SessionId("s"))
    named, other = [(await blobs.put(pieces(data), holder, "a/b")).hash for data in (b"named", b"other")]
    await new_session(store)
    await store.append(append(*texts(3), text(PREFIX + named)))
    await store.trim(SessionId("s"), before=3)

    async def nobody(_session: str, _by: Principal) -> Session:
        raise SessionNotFound

    await Shelf(blobs, Log(store, LocalBell()), nobody).tidy()
    assert (blobs.holders(named), blobs.holders(other)) == ({"s"}, set())


def published(made: Made, key: str, seq: int) -> Made:
    return with_artifact(made, ArtifactPublished(key=key, mime="a/b", text="x", version=7), seq, 0, UNSET)


def test_versions_are_counted_by_the_log_and_the_newest_of_each_key_stays() -> None:
    made = published(published(Made(), "once", 1), "often", 2)
    for seq in range(3, MAX_ARTIFACTS + 1):
        made = published(made, "often", seq)
    assert len(made.artifacts) == MAX_ARTIFACTS
    made = published(made, "often", MAX_ARTIFACTS + 1)
    assert len(made.artifacts) == MAX_ARTIFACTS
    once, oldest, newest = (find_artifact(made, *which) for which in (("once", None), ("often", 1), ("often", None)))
    assert once is not None
    assert oldest is None
    assert newest is not None
    assert (once.version, newest.version) == (1, MAX_ARTIFACTS)
