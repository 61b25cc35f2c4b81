"""What a host puts into a workspace before it starts the agent, and what it leaves alone."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from roost.host.given import Given, given_note
from roost.model.errors import NotAFile, PathOutside
from roost.model.events import Blob, GivenFile, Kit, Skill, WorkspaceSpec
from roost.model.ids import SessionId
from roost.model.ticket import Ticket

TICKET = Ticket(
    session=SessionId("codesess_000000000001"), epoch=1, token="", data="", agent="scripted",
    workspace=WorkspaceSpec(kind="folder", path="."), env={}, settings={},
)  # fmt: skip


class Killed(Exception):
    """The host has died in the middle."""


class Hub:
    """Gives each blob by its name; dies at the one called `dies_at`."""

    dies_at = ""

    async def fetch(self, name: str) -> bytes:
        if name == self.dies_at:
            raise Killed
        return name.encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def files(*names: str) -> Kit:
    return Kit(files=tuple(GivenFile(path=name, blob=Blob(hash=name, size=len(name))) for name in names))


def ticket(tmp_path: Path, kit: Kit, agent: str = "scripted") -> Ticket:
    return replace(TICKET, data=str(tmp_path), kit=kit, agent=agent)


async def test_killed_in_between_all_files_are_put_there_again_and_then_never_more(
    tmp_path: Path, folder: Path
) -> None:
    hub, asked = Hub(), ticket(tmp_path, files("a", "b/c"))
    hub.dies_at = "b/c"
    with pytest.raises(Killed):
        await Given(asked, hub.fetch).place(folder)
    assert not given_note(tmp_path, TICKET.session).exists()
    hub.dies_at = ""
    await Given(asked, hub.fetch).place(folder)
    assert [(folder / name).read_text() for name in ("a", "b/c")] == ["a", "b/c"]
    (folder / "a").write_text("the agent's")
    await Given(asked, hub.fetch).place(folder)
    assert (folder / "a").read_text() == "the agent's"


async def test_what_was_there_of_that_name_is_replaced_and_keeps_its_mode(tmp_path: Path, folder: Path) -> None:
    (folder / "run").write_text("old")
    (folder / "run").chmod(0o755)
    await Given(ticket(tmp_path, files("run")), Hub().fetch).place(folder)
    assert (folder / "run").read_text() == "run"
    assert (folder / "run").stat().st_mode & 0o777 == 0o755


async def test_a_place_that_is_taken_or_leads_out_is_an_error(tmp_path: Path, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "out").symlink_to(tmp_path)
    for name, error in (("sub", NotAFile), ("out/file", PathOutside)):
        with pytest.raises(error):
            await Given(ticket(tmp_path, files(name)), Hub().fetch).place(folder)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("agent", "place"), [("scripted", ".roost/skills"), ("claude", ".claude/skills"), ("codex", ".agents/skills")]
)
async def test_each_agent_finds_its_skills_where_it_looks_for_them(
    tmp_path: Path, folder: Path, agent: str, place: str
) -> None:
    skills = (
        Skill(repo="r", skill="one", name="Über Review!", content="1"),
        Skill(repo="r", skill="☃", content="3"),
        Skill(repo="r", skill="said", name="Another", content="---\ndescription: d\nname: two-words\n---\nname: no"),
        Skill(repo="r", skill="Odd", content="---\nname: Not Valid\n---\n"),
        Skill(repo="r", skill="without-content"),
    )
    await Given(ticket(tmp_path, Kit(skills=skills), agent), Hub().fetch).place(folder)
    found = {path.parent.name: path.read_text() for path in (folder / place).glob("*/SKILL.md")}
    assert found.keys() == {"ber-review", "skill", "two-words", "odd"}
    assert [found[name] for name in ("ber-review", "skill")] == ["1", "3"]


async def test_skills_of_one_name_have_places_of_their_own_whichever_comes_first(tmp_path: Path, folder: Path) -> None:
    one, two = (Skill(repo=repo, skill="review", content=repo) for repo in ("acme/a", "acme/b"))
    places: list[dict[str, str]] = []
    for skills in ((one, two), (two, one)):
        await Given(ticket(tmp_path, Kit(skills=skills)), Hub().fetch).place(folder)
        found = (folder / ".roost/skills").glob("*/SKILL.md")
        places.append({path.parent.name: path.read_text() for path in found})
    assert places[0] == places[1] and sorted(places[0].values()) == ["acme/a", "acme/b"]


async def test_skills_of_another_session_in_the_same_folder_stay(tmp_path: Path, folder: Path) -> None:
    first = ticket(tmp_path, Kit(skills=(Skill(repo="r", skill="a", content="a"),)))
    second = replace(first, session=SessionId("codesess_000000000002"), kit=Kit())
    for asked in (first, second):
        await Given(asked, Hub().fetch).place(folder)
    assert (folder / ".roost/skills/a/SKILL.md").read_text() == "a"
