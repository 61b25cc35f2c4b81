"""Without room nothing is lost and nothing half done; with room again the store goes on."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from anyio import fail_after

from roost.storage.sqlite.store import SqliteStore
from roost.storage.sqlite.transaction import Transaction
from tests.storage.conftest import ROOT, child_env
from tests.storage.full_disk import meets_a_full_disk


async def most_pages(store: SqliteStore, pages: int) -> None:
    def limit(transaction: Transaction) -> None:
        transaction._execute(f"PRAGMA max_page_count = {pages}")

    await store._writer.call(limit)


async def test_a_file_that_may_not_grow_refuses_and_goes_on_when_it_may(store: SqliteStore) -> None:
    """SQLite's own limit stands for the disk: this runs where nothing can be mounted."""
    await most_pages(store, 200)

    async def make_room() -> None:
        await most_pages(store, 2000)

    with fail_after(30):
        await meets_a_full_disk(store, make_room)


@pytest.mark.fire
def test_a_full_file_system_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """A tmpfs of 6 MiB in a namespace of its own, which takes the mount with it when its process ends."""
    own_namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = 'mount -t tmpfs -o size=6m tmpfs "$0"'
    if not shutil.which("unshare") or subprocess.call([*own_namespace, mount, tmp_path], stderr=subprocess.DEVNULL):
        pytest.skip(
            "no file system can be mounted here; the test above covers the store's side with SQLite's own limit"
        )
    done = subprocess.run(
        [*own_namespace, f'{mount} && exec "$1" -m tests.storage.full_disk "$0"', tmp_path, sys.executable],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        check=False,
        text=True,
        timeout=50,
    )
    assert (done.stdout, done.returncode) == ("went on\n", 0), done.stderr
