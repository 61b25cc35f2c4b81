"""One hub per data folder."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from roost.model.errors import DataLocked, DataUnwritable
from roost.storage import lock_folder
from tests.storage.conftest import child_env

HOLD = """
import sys
from pathlib import Path
from roost.storage import lock_folder
lock = lock_folder(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def holder(data: Path) -> subprocess.Popen[str]:
    """A process that holds the folder until it dies."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, data],
        env=child_env(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_locked_folder_is_refused_with_the_pid_of_its_holder_until_that_is_killed(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(DataLocked) as refused:
            lock_folder(tmp_path)
        process.kill()
    assert refused.value.details == {"pid": process.pid}
    assert str(process.pid) in refused.value.message
    assert str(tmp_path) in refused.value.message
    with lock_folder(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "lock").mkdir()
    for data, reason in ((tmp_path / "file" / "data", "Not a directory"), (tmp_path, "Is a directory")):
        with pytest.raises(DataUnwritable, match=reason) as refused:
            lock_folder(data)
        assert str(data) in refused.value.message


def test_the_same_process_cannot_take_it_twice_until_it_lets_go(tmp_path: Path) -> None:
    first = lock_folder(tmp_path)
    with pytest.raises(DataLocked) as refused:
        lock_folder(tmp_path)
    assert refused.value.details == {"pid": os.getpid()}
    first.release()
    first.release()
    lock_folder(tmp_path).release()


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    with lock_folder(tmp_path):
        waits = "print('up', flush=True); input()"
        child = subprocess.Popen(
            [sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False
        )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        lock_folder(tmp_path).release()
        child.kill()


def test_the_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "deep" / "data"):
        assert stat.S_IMODE((tmp_path / "deep" / "data").stat().st_mode) == 0o700


def test_a_lock_file_without_a_readable_pid_still_locks(tmp_path: Path) -> None:
    with lock_folder(tmp_path):
        (tmp_path / "lock").write_bytes(b"\xff\x00garbage")
        with pytest.raises(DataLocked) as refused:
            lock_folder(tmp_path)
    assert refused.value.details == {"pid": None}
