"""Content kept beside the logs: held while it is needed, and shown by those alone who stored it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import UNSET

from roost.core.blobs import UPLOAD_SECONDS, Blobs, uploader_of
from roost.core.decisions import HUB
from roost.model.envelope import draft
from roost.model.errors import BlobNotFound, BodyTooLarge
from roost.model.events import ArtifactPublished, Principal
from roost.model.made import MAX_ARTIFACTS, Made, find_artifact, with_artifact
from roost.testing import running_hub


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
    assert sorted(blobs.holders(first.hash)) == ["codesess_1", "codesess_2"]
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
