"""How much of a workspace is looked at to say what it takes."""

from pathlib import Path

import pytest

from roost.host import listing
from roost.host.inside import Inside
from roost.host.listing import MAX_COUNTED, disk_use


def test_what_a_workspace_takes_is_counted_to_its_end_or_said_to_be_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_COUNTED == 1_000_000  # more than a test can make
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "file").write_bytes(b"x" * 10)
    for most, counted in ((7, (30, 3, 3, False)), (6, (30, 3, 3, False)), (5, (20, 2, 3, True))):
        monkeypatch.setattr(listing, "MAX_COUNTED", most)
        use = disk_use(Inside(tmp_path))
        assert (use.bytes, use.files, use.folders, use.truncated) == counted
