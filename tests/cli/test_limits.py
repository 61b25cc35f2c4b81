"""How much a command reads of what it is given."""

import io
import sys
from pathlib import Path

import msgspec
import pytest

from roost.cli.problems import UsageWrong
from roost.cli.restore import MAX_HEAD_BYTES, BackupInvalid, unpack
from roost.cli.run import MAX_STDIN_CHARS, read_task
from roost.core.bundle import Packer
from roost.model.bundle import BACKUP, BACKUP_HEAD, END, FOLDERS, STORE, VERSION, BackupEnd, BackupHead


def test_a_task_from_standard_input_is_read_to_its_end_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    task = "é" * MAX_STDIN_CHARS
    monkeypatch.setattr(sys, "stdin", io.StringIO(task))
    assert read_task(None) == task
    monkeypatch.setattr(sys, "stdin", io.StringIO(task + "x"))
    with pytest.raises(UsageWrong, match=str(MAX_STDIN_CHARS)):
        read_task("-")


def backup(place: Path, folders: bytes) -> Path:
    """A backup with this list of folders."""
    head = BackupHead(format=BACKUP, version=VERSION, at=0, roost="1", data="/data")
    members = [(BACKUP_HEAD, msgspec.json.encode(head)), (STORE, b"store"), (FOLDERS, folders)]
    members.append((END, msgspec.json.encode(BackupEnd(files=1))))
    packer, path = Packer(0), place / "backup.tar.gz"
    path.write_bytes(b"".join(packer.member(*member) for member in members) + packer.end())
    return path


def test_what_a_backup_says_of_itself_is_read_up_to_its_limit(tmp_path: Path) -> None:
    assert unpack(backup(tmp_path, b"[]".ljust(MAX_HEAD_BYTES)), tmp_path / "data") == 1
    with pytest.raises(BackupInvalid):
        unpack(backup(tmp_path, b"[]".ljust(MAX_HEAD_BYTES + 1)), tmp_path / "more")
    assert not (tmp_path / "more").exists()
