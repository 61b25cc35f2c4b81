"""Commands that are there at once: forked off a process that has imported them all.

Each is a process of its own, with an environment, a folder, standard streams and an end of its own, as one of `python
-m roost`; what is spared is Python's start and the imports, which is most of what such a command takes. Commands are
started as people start them in test_entry.py (every one), in terminals, where they start hubs, and in tests/docs.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import TimeoutExpired
from tempfile import TemporaryDirectory
from typing import Final

STREAMS: Final = (("in", os.O_RDONLY), ("out", os.O_WRONLY | os.O_CREAT), ("err", os.O_WRONLY | os.O_CREAT))
"""Files that stand for the descriptors 0, 1 and 2."""


@cache
def _forking() -> ForkServerContext:
    from roost.cli import COMMANDS

    context = get_context("forkserver")
    commands = (path.partition(":")[0] for path, _ in COMMANDS.values())
    context.set_forkserver_preload(["anyio._backends._asyncio", "roost.cli.entry", "roost.cli.hub", *commands])
    return context


def run(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, stdin: str, seconds: float
) -> tuple[int, str, str]:
    """Exit code, output and errors of `roost ARGUMENTS`. Blocks. Raises: TimeoutExpired: it was killed."""
    with TemporaryDirectory(prefix="roost-command-") as place:
        given, out, err = (Path(place) / name for name, _ in STREAMS)
        given.write_text(stdin)
        process = _forking().Process(target=_become, args=(arguments, dict(environment), folder, place), daemon=True)
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutExpired(list(arguments), seconds, out.read_text(), err.read_text())
        return process.exitcode, out.read_text(), err.read_text()


def _become(arguments: Sequence[str], environment: Mapping[str, str], folder: Path, place: str) -> None:
    """In the new process: it is that command now."""
    from roost.cli import main

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, (name, flags) in enumerate(STREAMS):
        descriptor = os.open(f"{place}/{name}", flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # the one that was here is closed
    main(arguments)
