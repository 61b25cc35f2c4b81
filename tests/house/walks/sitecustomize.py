"""Writes down each call of some functions, in whatever Python finds this folder in its PYTHONPATH: a line with the time
(ns, the same clock in all processes) and the function, as `core.log.Log.append`. Nothing is changed or put in between.

`WALKS_WANTED` holds the functions, `WALKS_FILE` the file. A function that waits is called anew each time it goes on.
"""

import os
import sys
import threading
import time
from types import CodeType, FrameType
from typing import Any

SOURCE = "/roost/"


def name_of(code: CodeType) -> str:
    module = code.co_filename.rpartition(SOURCE)[2].removesuffix(".py").replace("/", ".")
    return f"{module}.{code.co_qualname.replace('<locals>.', '')}"


class Trace:
    """A profile function (`sys.setprofile`)."""

    def __init__(self, wanted: frozenset[str], file: str) -> None:
        self._wanted = wanted
        self._names: dict[CodeType, str | None] = {}
        self._file = file

    def __call__(self, frame: FrameType, what: str, _: Any) -> None:
        if what != "call":
            return
        code = frame.f_code
        if code not in self._names:
            name = name_of(code) if SOURCE in code.co_filename else ""
            self._names[code] = name if name in self._wanted else None
        if (name := self._names[code]) is not None:
            self.note(name)

    def note(self, name: str) -> None:
        file = os.open(
            self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
        )  # a process may close what it has open
        os.write(file, f"{time.monotonic_ns()} {name}\n".encode())
        os.close(file)


if "WALKS_FILE" in os.environ:
    trace = Trace(frozenset(os.environ["WALKS_WANTED"].split()), os.environ["WALKS_FILE"])
    threading.setprofile(trace)
    sys.setprofile(trace)
