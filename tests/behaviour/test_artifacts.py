"""What sessions publish and what they are given: versions, files, blobs, and who may see them."""

import base64
import os
from pathlib import Path

import httpx
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.core.blobs import MAX_BLOB_BYTES, MAX_INLINE_BYTES
from roost.model.errors import (
    ArtifactNotFound,
    BlobNotFound,
    BodyTooLarge,
    Forbidden,
    InvalidBody,
    NotText,
    SessionNotFound,
)  # fmt: skip
from roost.model.events import FileInput, InputPart, RunError, RunStart, TextInput
from roost.testing import HubProcess, hub_process
from tests.behaviour.conftest import Mark, awake, script, stands


def publish(key: str, **about: object) -> dict[str, object]:
    return {"artifact": {"key": key, **about}}


def data_url(data: bytes) -> str:
    return "data:application/octet-stream;base64," + base64.b64encode(data).decode()


def stored(hub: HubProcess) -> set[str]:
    """The blobs that the hub keeps."""
    return {path.name for path in (hub.data / "blobs").glob("??/*")}


async def given(session: AsyncSession) -> tuple[InputPart, ...]:
    """The input of the first run, as it was recorded."""
    events = (await session.read()).events
    return next(event.body.input for event in events if isinstance(event.body, RunStart))


async def test_a_key_published_again_is_a_new_version_and_both_can_be_read(session: AsyncSession, mark: Mark) -> None:
    await session.send(script(publish("report", text="first", mime="text/markdown"), publish("other/key ü", text="2")))
    await mark()
    await session.send(script(publish("report", text="second")))
    listed = [(each.key, each.version, each.mime, each.size) for each in await session.list_artifacts()]
    assert listed == [
        ("report", 1, "text/markdown", 5), ("other/key ü", 1, "text/plain", 1), ("report", 2, "text/plain", 6),
    ]  # fmt: skip
    assert await session.get_artifact("report") == "second"
    assert await session.get_artifact("report", version=1) == "first"
    assert await session.get_artifact("other/key ü") == "2"
    for key, version in (("report", 3), ("nothing", None)):
        with pytest.raises(ArtifactNotFound):
            await session.get_artifact(key, version=version)


async def test_a_file_is_published_as_it_is_and_outlives_workspace_and_archive(
    client: AsyncClient, tmp_path: Path, mark: Mark
) -> None:
    session = await awake(client, workspace=tmp_path)
    content = bytes(range(256)) * 8192
    await session.put_file("out/data", content)
    result = await session.send(script(publish("data", path="out/data", mime="image/png")))
    assert result.error is UNSET
    (tmp_path / "out" / "data").unlink()
    await session.archive()
    await mark()
    assert await session.get_artifact_buffer("data") == content
    (artifact,) = await session.list_artifacts()
    assert (artifact.mime, artifact.size) == ("image/png", len(content))
    with pytest.raises(NotText):
        await session.get_artifact("data")


async def test_a_long_text_is_kept_beside_the_log(session: AsyncSession) -> None:
    for size in (64 * 1024, 64 * 1024 + 1):
        await session.send(script(publish("long", text="x" * size)))
        assert await session.get_artifact("long") == "x" * size
    assert [each.blob is UNSET for each in await session.list_artifacts()] == [True, False]


@pytest.mark.parametrize("path", ["nowhere", "../outside", "/etc/passwd", "link", "."])
async def test_only_files_of_the_workspace_are_published(client: AsyncClient, tmp_path: Path, path: str) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    session = await awake(client, workspace=tmp_path)
    result = await session.send(script(publish("stolen", path=path)))
    assert result.error is not UNSET
    assert result.error.code in ("file_missing", "path_outside", "not_a_file")
    assert await session.list_artifacts() == ()


async def test_artifacts_have_a_largest_size(client: AsyncClient, tmp_path: Path) -> None:
    session = await awake(client, workspace=tmp_path)
    with (tmp_path / "fits").open("wb") as file:
        file.truncate(MAX_BLOB_BYTES)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BLOB_BYTES + 1)
    assert (await session.send(script(publish("a", path="fits")))).error is UNSET
    refused = await session.send(script(publish("a", path="large")))
    assert refused.error is not UNSET
    assert refused.error.code == "body_too_large"
    assert [each.size for each in await session.list_artifacts()] == [MAX_BLOB_BYTES]


async def test_content_goes_with_its_last_session(tmp_path: Path) -> None:
    async with hub_process(tmp_path / "data") as hub, hub.client() as client:
        same = script(publish("same", text="x" * 100_000))
        first, second = await client.create_session(task=same), await client.create_session(task=same)
        for session in (first, second):
            await stands(session, lambda info: info.last_run is not UNSET)
        assert len(stored(hub)) == 1
        await first.delete(force=True)
        assert await second.get_artifact("same") == "x" * 100_000
        await second.delete(force=True)
        assert stored(hub) == set()


async def test_what_was_uploaded_goes_with_the_session_that_it_was_given_to(tmp_path: Path) -> None:
    async with hub_process(tmp_path / "data") as hub, hub.client() as client:
        blob = await client.put_blob(b"x" * 1000)
        file = FileInput(url=f"blob:{blob.hash}", mime="a/b")
        with pytest.raises(InvalidBody):
            await client.create_session(input=[file], label=" ")
        sessions = [await client.create_session(input=[TextInput(text="hello"), file]) for _ in range(2)]
        for session in sessions:
            await stands(session, lambda info: info.last_run is not UNSET)
            assert await client.get_blob(blob.hash) == b"x" * 1000
            await session.delete(force=True)
        assert stored(hub) == set()


# --- input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("over", [0, 1])
async def test_long_data_urls_become_blobs_and_the_agent_gets_the_bytes(client: AsyncClient, over: int) -> None:
    head = len("data:application/octet-stream;base64,")
    data = b"z" * ((MAX_INLINE_BYTES - head) // 4 * 3 + over * 3)
    parts = [TextInput(text=script({"files": "in"})), FileInput(url=data_url(data), mime="a/b", filename="given")]
    session = await client.create_session(input=parts)
    await stands(session, lambda info: info.last_run is not UNSET)
    (_, file) = await given(session)
    assert isinstance(file, FileInput)
    assert file.url.startswith("blob:sha256-" if over else "data:")
    assert await session.get_file_buffer("in/given") == data
    if over:
        assert await client.get_blob(file.url.removeprefix("blob:")) == data


async def test_a_blob_is_uploaded_and_given_by_name(session: AsyncSession, client: AsyncClient, mark: Mark) -> None:
    data = os.urandom(1_000_000)
    blob = await client.put_blob(data)
    with pytest.raises(BlobNotFound):
        await client.get_blob(blob.hash)
    await mark()
    file = FileInput(url=f"blob:{blob.hash}", mime="image/png", filename="picture.png")
    result = await session.send([TextInput(text=script({"files": "in"})), file])
    assert result.error is UNSET
    assert await session.get_file_buffer("in/picture.png") == data
    assert await client.get_blob(blob.hash) == data


async def test_blobs_have_a_largest_size(client: AsyncClient) -> None:
    assert (await client.put_blob(bytes(MAX_BLOB_BYTES))).size == MAX_BLOB_BYTES
    with pytest.raises(BodyTooLarge):
        await client.put_blob(bytes(MAX_BLOB_BYTES + 1))


@pytest.mark.parametrize("name", ["sha256-" + "0" * 64, "sha256-xyz", "..", "../api_key", "held"])
async def test_what_is_no_blob_is_not_found(client: AsyncClient, name: str) -> None:
    with pytest.raises(BlobNotFound):
        await client.create_session(input=[TextInput(text="x"), FileInput(url=f"blob:{name}", mime="a/b")])
    address = client.address
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {address.api_key}"}) as http:
        answer = await http.get(f"{address.url}/v1/blobs/{name}")
    assert answer.status_code == 404


async def test_a_data_url_that_is_no_base64_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async with hub_process(tmp_path / "data") as hub, hub.client() as client:
        broken = FileInput(url=data_url(b"x" * 99_999) + "!", mime="a/b")
        with pytest.raises(InvalidBody):
            await client.create_session(input=[TextInput(text="x"), broken])
        assert stored(hub) == set()
        assert (await client.list_sessions()).total == 0


async def test_a_file_that_cannot_be_read_ends_the_run_with_its_reason(session: AsyncSession) -> None:
    file = FileInput(url="http://example.org/x", mime="a/b", filename="x")
    await session.send([TextInput(text=script({"files": "in"})), file])
    failed = [event.body for event in (await session.read()).events if isinstance(event.body, RunError)]
    assert [body.error.code for body in failed] == ["invalid_body"]


@pytest.fixture
async def session(client: AsyncClient) -> AsyncSession:
    return await awake(client)


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_blobs_and_artifacts_are_for_those_who_may_see_the_session(hub: HubProcess, client: AsyncClient) -> None:
    secret = os.urandom(100_000)
    given_blob = (await client.put_blob(secret)).hash
    file = FileInput(url=f"blob:{given_blob}", mime="a/b")
    session = await client.create_session(input=[TextInput(text=script(publish("key", text="mine"))), file])
    await stands(session, lambda info: info.last_run is not UNSET)
    key = await client.add_key("stranger", scope="controller")
    async with hub.client(api_key=key.secret) as stranger:
        with pytest.raises(BlobNotFound):
            await stranger.get_blob(given_blob)
        with pytest.raises(BlobNotFound):  # nor by giving it to a session of one's own
            await stranger.create_session(input=[TextInput(text="x"), file])
        theirs = stranger.session(session.id)
        for attempt in (theirs.list_artifacts(), theirs.get_artifact("key"), theirs.get_file("x"), theirs.shell("id")):
            with pytest.raises(SessionNotFound):
                await attempt
        await session.update(visibility="organization")
        assert await stranger.get_blob(given_blob) == secret
        assert await theirs.get_artifact("key") == "mine"
        assert (await theirs.list_files()).files == []
        for attempt in (theirs.shell("id"), theirs.put_file("x", ""), theirs.merge(), theirs.discard()):
            with pytest.raises(Forbidden):
                await attempt


@pytest.mark.parametrize("spelled", ["true", "True", "1"])
async def test_who_may_only_look_wakes_nobody(hub: HubProcess, client: AsyncClient, spelled: str) -> None:
    session = await awake(client)
    await session.pause()
    await stands(session, lambda info: info.phase == "paused")
    key = await client.add_key("owner", scope="observer")
    url = f"{client.address.url}/v1/sessions/{session.id}/files"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key.secret}"}) as http:
        answer = await http.get(url, params={"wake": spelled})
    assert answer.status_code in (400, 403)
    assert (await session.info()).phase == "paused"
    async with hub.client(api_key=key.secret) as observer:
        with pytest.raises(Forbidden):
            await observer.put_blob(b"x")
