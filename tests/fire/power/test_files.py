"""Each file that Roost promises to keep is there after a power cut right behind the promise."""

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from subprocess import run

import pytest

from tests.fire.power.disk import All, Chance, Disk, Nothing, Some, Unremoved, differing, tree
from tests.fire.power.journal import records
from tests.fire.power.keeping import GONE, KEPT
from tests.fire.power.power import under
from tests.storage.conftest import ROOT, child_env

pytestmark = pytest.mark.fire
Step = Callable[[Path], None]
CHANCES = 20
"""Ways that one cut may end."""


class Kept:
    """All files, made one after the other under the library, in `folder`."""

    def __init__(self, library: Path, place: Path, *more: str) -> None:
        self.folder, self.journal = place / "disk", place / "journal"
        self.folder.mkdir()
        self.journal.touch()
        for make in KEPT:
            (self.folder / make.__name__).mkdir()
        self._begun = place / "begun"
        Disk(self.folder).write(self._begun, All())
        program = [sys.executable, "-m", "tests.fire.power.keeping", str(self.folder), str(self.journal), *more]
        command = under(library, self.folder, self.journal) + program
        said = run(command, check=True, capture_output=True, cwd=ROOT, env=child_env(), text=True).stdout
        self.ends = {name: int(end) for name, end in (line.split() for line in said.splitlines())}

    def after_cut(self, make: Step, image: Path, chance: Chance) -> dict[str, bytes]:
        disk = Disk(self._begun)
        for record in records(self.journal, end=self.ends[make.__name__]):
            disk.apply(record)
        disk.write(image, chance)
        return tree(image / make.__name__)


@pytest.fixture(scope="module")
def kept(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(library, tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def careless(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(library, tmp_path_factory.mktemp("careless"), "careless")


def chances(random: Random) -> list[Chance]:
    return [Nothing(), Unremoved(), *(Some(random) for _ in range(CHANCES))]


def missing(make: Step, found: dict[str, bytes], whole: Path) -> list[str]:
    """What is not there as it was promised, and what is there that was to be gone."""
    wrong: list[str] = []
    for pattern, content in KEPT[make].items():
        named = [path.relative_to(whole) for path in whole.glob(pattern)]
        assert len(named) == 1, f"{pattern}: {named}"
        expected = (whole / named[0]).read_bytes() if content is None else content
        if found.get(str(named[0])) != expected:
            wrong.append(pattern)
    return wrong + [name for name in GONE.get(make, ()) if name in found]


def test_the_journal_tells_all_that_was_done(kept: Kept, tmp_path: Path) -> None:
    kept.after_cut([*KEPT][-1], tmp_path / "image", All())
    assert differing(tree(tmp_path / "image"), tree(kept.folder)) == []


@pytest.mark.parametrize("make", KEPT, ids=lambda make: make.__name__)
def test_what_was_promised_is_there_after_a_power_cut(kept: Kept, make: Step, seed: int, tmp_path: Path) -> None:
    whole, random = kept.folder / make.__name__, Random(seed)
    for number, chance in enumerate(chances(random)):
        assert missing(make, kept.after_cut(make, tmp_path / str(number), chance), whole) == []


@pytest.mark.parametrize("make", KEPT, ids=lambda make: make.__name__)
def test_names_that_were_not_made_to_last_are_missed(careless: Kept, make: Step, seed: int, tmp_path: Path) -> None:
    whole, random = careless.folder / make.__name__, Random(seed)
    found = [careless.after_cut(make, tmp_path / str(n), chance) for n, chance in enumerate(chances(random))]
    assert any(missing(make, each, whole) for each in found)
