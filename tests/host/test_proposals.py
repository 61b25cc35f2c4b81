"""What the agent of a builder session wants done, in a file: taken once, whatever it holds, and answered."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from roost.host.proposals import MAX_TEXT_BYTES, Proposals
from roost.model.events import Blob, Kit, TextInput
from roost.model.library import MAX_PROPOSAL_BYTES, PROPOSAL_FILE, PROPOSAL_MIME

LAST = {"action": "publish", "status": "failed", "seq": 7, "at": 1, "code": "invalid_body", "message": "no draft"}


def kit(**builder: Any) -> Kit:
    return Kit(builder={"mode": "new"} | builder)


@pytest.fixture
def kept() -> list[bytes]:
    return []


@pytest.fixture
def proposals(tmp_path: Path, kept: list[bytes]) -> Proposals:
    async def keep(content: bytes, mime: str) -> Blob:
        kept.append(content)
        return Blob(hash=mime, size=len(content))

    made = Proposals(kit())
    made.keep, made.workspace = keep, tmp_path
    return made


def write(workspace: Path, content: bytes) -> Path:
    path = workspace / PROPOSAL_FILE
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


async def test_the_file_is_published_as_it_is_and_gone(proposals: Proposals, tmp_path: Path) -> None:
    for content in (b'{"action": "publish"}', b"no JSON", b"", b"\xff"):
        path = write(tmp_path, content)
        (said,) = await proposals.taken()
        assert (said.key, said.mime, said.text) == ("proposal", PROPOSAL_MIME, content.decode(errors="replace"))
        assert not path.exists() and await proposals.taken() == []


async def test_a_long_one_is_kept_beside_the_log_as_far_as_it_shows_that_it_is_too_long(
    proposals: Proposals, tmp_path: Path, kept: list[bytes]
) -> None:
    for size, length in ((MAX_TEXT_BYTES + 1, MAX_TEXT_BYTES + 1), (10 * MAX_PROPOSAL_BYTES, MAX_PROPOSAL_BYTES + 1)):
        write(tmp_path, b"x" * size)
        (said,) = await proposals.taken()
        assert said.text is UNSET and said.blob is not UNSET and said.blob.size == len(kept[-1]) == length


async def test_what_is_no_file_of_the_workspace_stays(proposals: Proposals, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside"
    outside.write_text("{}")
    path = write(tmp_path, b"")
    path.unlink()
    path.symlink_to(outside)
    assert await proposals.taken() == [] and outside.exists()
    path.unlink()
    path.mkdir()
    assert await proposals.taken() == [] and path.exists()


async def test_only_a_builder_session_proposes(tmp_path: Path) -> None:
    path = write(tmp_path, b"{}")
    other = Proposals(Kit())
    other.workspace = tmp_path
    assert await other.taken() == [] and path.exists()


async def test_what_came_of_it_is_told_once_to_this_host_and_to_the_next() -> None:
    for proposals in (Proposals(kit(last=LAST)), Proposals(kit())):
        proposals.updated(kit(last=LAST))
        (part,) = proposals.news()
        assert isinstance(part, TextInput)
        assert "'publish' was refused (invalid_body): no draft" in part.text and PROPOSAL_FILE in part.text
        assert proposals.news() == ()
    done = LAST | {"status": "completed", "slug": "critic", "version": 2}
    (part,) = Proposals(kit(last=done)).news()
    assert isinstance(part, TextInput) and "carried out: critic, as version 2" in part.text
