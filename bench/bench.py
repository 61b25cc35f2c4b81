"""What every measurement is given: sizes, tools, a place on the disk, and a way to say how far it is."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from bench import machine
from bench.sizes import Sizes

HERE: Final = Path(__file__).parent
T = TypeVar("T")


class CannotMeasure(Exception):
    """Something that the benchmark needs is not here; the message says what."""


class Bench:
    """Belongs to one call of the program. `folder` is on a real disk and is removed at the end."""

    def __init__(self, sizes: Sizes, folder: Path, say: Callable[[str], None]) -> None:
        self.sizes = sizes
        self.folder = folder
        self.say = say
        self.server_core, self.load_core = machine.cores()
        self._folders = 0
        self._kept: dict[str, Any] = {}

    def fresh(self, name: str) -> Path:
        """A new empty folder."""
        self._folders += 1
        path = self.folder / f"{self._folders}-{name}"
        path.mkdir(parents=True)
        return path

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """What `make` makes the first time that somebody asks for this."""
        if name not in self._kept:
            self._kept[name] = make()
        return cast(T, self._kept[name])

    def tool(self, name: str) -> Path:
        """The program made of `<name>.c`. Raises: CannotMeasure: no C compiler, or it refuses."""
        made = self.folder / name
        if not made.exists():
            compiler = shutil.which("cc")
            if compiler is None:
                raise CannotMeasure(f"{name}.c: no C compiler (cc) is here; on Debian and Ubuntu: apt install gcc")
            command = [compiler, "-O2", "-o", str(made), str(HERE / f"{name}.c")]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
            if built.returncode:
                raise CannotMeasure(f"{name}.c does not compile here: {built.stderr.strip().splitlines()[0]}")
        return made


@contextmanager
def open_bench(sizes: Sizes, say: Callable[[str], None], parent: Path | None = None) -> Generator[Bench]:
    """Raises: CannotMeasure: this is no Linux, or there is no disk at `parent` (`build/` if none is given)."""
    if not hasattr(machine.os, "sched_setaffinity"):
        raise CannotMeasure("the benchmark needs Linux: it pins processes to cores and counts with epoll")
    parent = parent or HERE.parent / "build"
    parent.mkdir(exist_ok=True)
    if machine.is_in_memory(parent):
        raise CannotMeasure(f"{parent} is kept in memory; give a folder on a disk with --folder")
    machine.allow_many_files()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as folder:
        yield Bench(sizes, Path(folder), say)
