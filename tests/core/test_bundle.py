"""How large the parts of a bundle, and all of it, may be."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from roost.core.bundle import Bundle, Packer
from roost.model.bundle import BLOBS, FORMAT, HEAD, MAX_PAGE_BYTES, MAX_UNPACKED, VERSION, BundleHead
from roost.model.errors import BundleInvalid
from roost.model.ids import SessionId

TOLD = msgspec.json.encode(
    BundleHead(format=FORMAT, version=VERSION, session=SessionId("codesess_0"), head=1, at=0, roost="1")
)


def refusal(place: Path, members: Iterable[tuple[str, bytes]], max_file_bytes: int = MAX_PAGE_BYTES) -> str:
    """Why a bundle of these members is not taken."""
    packer, path = Packer(0), place / "bundle"
    path.write_bytes(b"".join(packer.member(name, content) for name, content in members) + packer.end())
    with pytest.raises(BundleInvalid) as refused:
        Bundle(path, max_file_bytes=max_file_bytes).check()
    return refused.value.message


def test_a_part_is_read_whole_up_to_its_limit(tmp_path: Path) -> None:
    head = TOLD.ljust(MAX_PAGE_BYTES)
    assert refusal(tmp_path, [(HEAD, head)]) == "it is torn: something is missing"
    assert "at most" in refusal(tmp_path, [(HEAD, head + b" ")])


def test_a_bundle_unpacks_to_so_many_times_the_largest_file_and_no_more(tmp_path: Path) -> None:
    most = 1000 * MAX_UNPACKED - len(TOLD)
    for size, why in ((most, "torn"), (most + 1, "too large")):
        assert why in refusal(tmp_path, [(HEAD, TOLD), (f"{BLOBS}x", bytes(size))], max_file_bytes=1000)
