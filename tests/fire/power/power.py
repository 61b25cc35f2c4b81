"""A hub whose power is cut: every process that works in its data folder dies at one instant, and the folder is put back
as a disk may leave it. What was promised before that instant must be there."""

import fcntl
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import run

from tests.fire.hubs import Fire, Hub
from tests.fire.power.disk import All, Chance, Disk, Nothing, Some, Unremoved, differing, tree
from tests.fire.power.journal import records
from tests.fire.power.promises import Promise
from tests.fire.processes import gone, send_signal

SOURCE = Path(__file__).with_name("power.c")


def build(folder: Path) -> Path:
    """The library, made of power.c. Fails where there is no C compiler, and says so."""
    library = folder / "power.so"
    assert shutil.which("cc"), "this test needs a C compiler: apt-get install build-essential"
    run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SOURCE, "-ldl", "-lpthread"], check=True)
    return library


def under(library: Path, folder: Path, journal: Path) -> list[str]:
    """What a command begins with whose changes to this folder are noted in the journal, also those of its children."""
    return ["env", f"LD_PRELOAD={library}", f"POWER_FOLDER={folder.resolve()}", f"POWER_JOURNAL={journal}"]


class Powered:
    """`hub` works until `cut`. `promises`: what was promised, and when, by the journal."""

    def __init__(self, fire: Fire, library: Path) -> None:
        self.promises: list[Promise] = []
        self.cuts = 0
        self._fire = fire
        self._library = library
        self._data = fire.folder / f"data{len(fire.hubs)}"
        self._journal = fire.folder / "journal"
        self._data.mkdir(mode=0o700)
        (self._data / "hub.log").touch()  # made by us, so that no journal tells of it
        self.hub: Hub

    async def start(self, command: Sequence[str]) -> None:
        self._journal.touch()
        self._disk = Disk(self._data)
        command = [*under(self._library, self._data, self._journal), *command]
        self.hub = await self._fire.hub(command=command, rate_per_second=0, warm_hosts=0)

    @property
    def position(self) -> int:
        """Now, in the journal. What was acknowledged before has been made to last before."""
        return self._journal.stat().st_size

    async def cut(self) -> None:
        """Time stops for the folder, then everything that works in it is killed."""
        with self._journal.open("rb") as journal:
            fcntl.flock(journal, fcntl.LOCK_EX)
            await self.hub.kill()
            while left := [found.pid for found in self._fire.left()]:
                send_signal(signal.SIGKILL, *left)
                await gone(*left)

    def images(self, count: int) -> Iterator[tuple[int, Path]]:
        """The folder as it may be after a cut at so many other moments of this time, then after the one that came: the
        position of each, in the journal. Each is gone when the next is asked for. Nothing may have passed the journal
        by: raises AssertionError if it has."""
        random, end, image = self._fire.random, self.position, self._fire.folder / "image"
        moments = sorted(random.randrange(end + 1) for _ in range(count))
        for record in records(self._journal):
            while moments and moments[0] < record.end:
                self._disk.write(image, self._chance())
                yield moments.pop(0), image
                shutil.rmtree(image)
            self._disk.apply(record)
        self._compare(image)
        self._disk.write(image, self._chance())
        yield end, image

    def put_back(self) -> None:
        """The last image is the folder from now on, and all promises were made before."""
        shutil.rmtree(self._data)
        (self._fire.folder / "image").rename(self._data)
        self._disk = Disk(self._data)
        os.truncate(self._journal, 0)
        self.promises = [promise.before() for promise in self.promises]

    def _chance(self) -> Chance:
        """One of three takes all that it can, one brings back what was removed."""
        self.cuts += 1
        return (Nothing(), Unremoved(), Some(self._fire.random))[self.cuts % 3]

    def _compare(self, image: Path) -> None:
        self._disk.write(image, All())
        past = differing(tree(image), tree(self._data))
        shutil.rmtree(image)
        assert not past, f"these files were changed past the journal: {past[:5]}"
