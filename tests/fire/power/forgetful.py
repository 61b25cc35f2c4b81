"""A hub that promises what it does not keep, since its store does not wait for the disk: `python -m
tests.fire.power.forgetful up ...`, with the options of `roost up`."""

import os
import sqlite3
import stat
import sys
from pathlib import Path

from bench.tickets import TicketRuntime
from roost.cli import main
from roost.runtimes.process import runtime
from roost.storage.sqlite import writer


def forget_commits() -> None:
    connect = writer.connect_writer

    def connect_carelessly(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    writer.connect_writer = connect_carelessly


def forget_names() -> None:
    """Files are made to last, the folders they are in are not."""
    sync = os.fsync

    def sync_carelessly(descriptor: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            sync(descriptor)

    os.fsync = sync_carelessly


if __name__ == "__main__":
    forget_commits()
    runtime.ProcessRuntime = TicketRuntime
    sys.exit(main())
