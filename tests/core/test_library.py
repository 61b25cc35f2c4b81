"""What a session is given of the library, and how the folders of templates are prepared, whatever comes in between."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from msgspec import UNSET
from msgspec.structs import replace

from roost.core.library import Library
from roost.model import events as e
from roost.model import library as lib
from roost.model.errors import (
    BodyTooLarge,
    Forbidden,
    InvalidBody,
    NotInLibrary,
    PersonaUnpublished,
    WorkspaceInvalid,
)
from roost.model.events import Principal, Skill
from roost.storage.memory.store import MemoryStore
from tests.core.test_timers import SetClock

pytestmark = pytest.mark.anyio

ANNA = Principal(user="anna", org="acme")
BERT = Principal(user="bert", org="acme")
PLACE = Path("/data/templates")
CLONED = e.WorkspaceSpec(kind="clone", url="https://x.test/a.git", root="/data/clones/s")
OWN = e.WorkspaceSpec(kind="folder", root="/data/folders/s")
REPO = {"url": "https://x.test/a.git"}


class Preparer:
    """Makes nothing: `make` waits until the test lets it go on, and fails if the test says so."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.cleared: list[str] = []
        self.needed: list[str] = []
        self.lost: set[str] = set()
        self.failure: str | None = None
        self.go_on = anyio.Event()

    async def make(self, folder: Path, repos: Sequence[Mapping[str, Any]], script: str) -> None:
        assert folder.parent == PLACE
        self.made.append(folder.name)
        await self.go_on.wait()
        if self.failure:
            raise WorkspaceInvalid(self.failure)

    async def clear(self, folder: Path) -> None:
        await checkpoint()
        self.cleared.append(folder.name)

    async def tidy(self, place: Path, needed: Collection[str]) -> set[str]:
        self.needed = sorted(needed)
        return set(needed) - self.lost

    async def packages(self, wanted: Sequence[str]) -> lib.Dependencies:
        return lib.Dependencies(valid=tuple(wanted))


@asynccontextmanager
async def hub_of(store: MemoryStore, preparer: Preparer) -> AsyncGenerator[Library]:
    """The library of one hub, which goes in mid-work at the end of the block."""
    async with anyio.create_task_group() as tasks:
        library = Library(store, SetClock(), preparer, PLACE.parent, tasks)
        await library.preparing.open()
        yield library
        tasks.cancel_scope.cancel()


@pytest.fixture
async def library() -> AsyncGenerator[Library]:
    preparer = Preparer()
    preparer.go_on.set()
    async with hub_of(MemoryStore(), preparer) as library:
        yield library


async def saved(library: Library, skill: str, by: Principal = ANNA, **more: Any) -> str:
    return (await library.skills.save(lib.SkillRequest(repo="r", skill=skill, name=skill, **more), by)).id


async def template_of(library: Library, by: Principal = ANNA, **held: Any) -> lib.SavedTemplate:
    return await library.templates.add(lib.TemplateRequest(name="t", **held), by)


async def published(library: Library, by: Principal = ANNA, **drawn: Any) -> lib.PersonaInfo:
    fields: dict[str, Any] = {"slug": "critic", "display_name": "Critic", "instructions": "Criticise."} | drawn
    await library.personas.add(lib.PersonaRequest(**fields), by)
    return await library.personas.publish(fields["slug"], by)


def skills_of(kit: e.Kit) -> list[tuple[str, Any]]:
    return [(skill.skill, skill.content) for skill in kit.skills]


# --- the kit ----------------------------------------------------------------------------------------------------------


async def test_a_kit_of_nothing_is_empty(library: Library) -> None:
    assert await library.kit(lib.KitRequest(), ANNA) == e.Kit()


async def test_skills_come_from_everywhere_and_each_once_the_first_that_is_named(library: Library) -> None:
    one, two, three = [await saved(library, skill, content=f"saved {skill}") for skill in ("one", "two", "three")]
    bucket = await library.skills.add_bucket(lib.BucketRequest(name="b", skills=(two, three)), ANNA)
    template = await template_of(library, skills=(one,), buckets=(bucket.id,))
    await published(library, skills=(await saved(library, "four", content="saved four"), three))
    kit = await library.kit(
        lib.KitRequest(
            skills=(Skill(repo="r", skill="two", content="mine"), Skill(repo="else", skill="one")),
            saved_skills=(three, three),
            template=template.id,
            default_agent="critic",
        ),
        ANNA,
    )
    assert skills_of(kit) == [
        ("two", "mine"), ("one", UNSET), ("three", "saved three"), ("one", "saved one"), ("four", "saved four"),
    ]  # fmt: skip


async def test_what_a_session_was_given_stays_when_the_library_forgets_it(library: Library) -> None:
    skill = await saved(library, "one", content="kept")
    kit = await library.kit(lib.KitRequest(saved_skills=(skill,)), ANNA)
    await library.skills.delete(skill, ANNA)
    assert skills_of(kit) == [("one", "kept")]
    with pytest.raises(NotInLibrary):
        await library.kit(lib.KitRequest(saved_skills=(skill,)), ANNA)


async def test_a_template_gives_what_it_holds_and_what_the_caller_says_wins(library: Library) -> None:
    template = await template_of(
        library, repos=(REPO,), enabled_agents=("scout",), system_prompt=" Be kind. ", dependencies=("jq",)
    )
    brought = await library.kit(lib.KitRequest(template=template.id), ANNA)
    assert brought.template == e.Template(id=template.id, name="t", scope="user")
    assert (brought.repos, brought.enabled_agents) == ((REPO,), ("scout",))
    assert brought.instructions == e.Instructions(text="Be kind.", mode="append")
    assert brought.wishes == {"dependencies": ("jq",)}, "no host installs them, and the session tells"
    other = {"url": "https://x.test/b.git"}
    said = lib.KitRequest(template=template.id, repos=(other,), enabled_agents=(), wishes={"resources": {"cpu": "1"}})
    kit = await library.kit(said, ANNA)
    wishes = {"resources": {"cpu": "1"}, "dependencies": ("jq",)}
    assert (kit.repos, kit.enabled_agents, kit.wishes) == ((other,), (), wishes)


async def test_a_template_of_the_organisation_brings_its_owners_skills_along(library: Library) -> None:
    skill = await saved(library, "one", content="anna's")
    template = await template_of(library, skills=(skill,), visibility="organization")
    kit = await library.kit(lib.KitRequest(template=template.id), BERT)
    assert skills_of(kit) == [("one", "anna's")] and kit.template == e.Template(id=template.id, name="t", scope="org")
    with pytest.raises(NotInLibrary):
        await library.kit(lib.KitRequest(saved_skills=(skill,)), BERT)


async def test_a_session_works_as_the_published_persona_it_names(library: Library) -> None:
    persona = await published(
        library, model="m/x", thinking="high", tools=("read",), service_tools=("web_search",), companions=("scout",)
    )  # fmt: skip
    await library.personas.change("critic", lib.PersonaChange(instructions="Later."), ANNA)
    for name in ("critic", persona.id):
        kit = await library.kit(lib.KitRequest(default_agent=name, enabled_agents=("mine", "scout")), BERT)
        assert kit.persona == e.Persona(
            agent=persona.id, slug="critic", version=1, model="m/x", thinking="high", tools=("read", "web_search")
        )
        assert (kit.default_agent, kit.enabled_agents) == (name, ("mine", "scout"))
        assert kit.instructions == e.Instructions(text="Criticise.")
    assert (await library.kit(lib.KitRequest(default_agent="somebody"), BERT)).persona is UNSET


async def test_what_the_template_says_comes_before_the_persona_and_decides_how_it_is_said(library: Library) -> None:
    await published(library)
    loud = await template_of(library, system_prompt="Shout.", system_prompt_mode="overwrite")
    silent = await template_of(library, enabled_agents=("a",), system_prompt_mode="overwrite")
    both = await library.kit(lib.KitRequest(default_agent="critic", template=loud.id), ANNA)
    assert both.instructions == e.Instructions(text="Shout.\n\nCriticise.", mode="overwrite")
    one = await library.kit(lib.KitRequest(default_agent="critic", template=silent.id), ANNA)
    assert one.instructions == e.Instructions(text="Criticise.", mode="append")


async def test_no_session_works_as_a_draft_or_as_what_is_archived(library: Library) -> None:
    await library.personas.add(lib.PersonaRequest(slug="draft", display_name="D", instructions="x"), ANNA)
    await published(library)
    await library.personas.archive("critic", ANNA)
    for name in ("draft", "critic"):
        with pytest.raises(PersonaUnpublished):
            await library.kit(lib.KitRequest(default_agent=name), ANNA)
    assert (await library.kit(lib.KitRequest(default_agent="draft"), BERT)).persona is UNSET, "not a name for others"


async def test_a_kit_is_as_large_as_an_event_may_hold(library: Library) -> None:
    with pytest.raises(InvalidBody):
        await library.kit(lib.KitRequest(skills=tuple(Skill(repo="r", skill=str(n)) for n in range(101))), ANNA)
    text = "x" * 60_000
    three, four = (tuple(Skill(repo="r", skill=str(n), content=text) for n in range(count)) for count in (3, 4))
    assert len((await library.kit(lib.KitRequest(skills=three), ANNA)).skills) == 3
    with pytest.raises(BodyTooLarge):
        await library.kit(lib.KitRequest(skills=four), ANNA)


@pytest.mark.parametrize(
    "repo", [{}, {"name": "a"}, {"url": "ext::sh -c evil"}, {"url": "-o"}, {"cloneUrl": "x", "url": "y"}]
)
async def test_a_repository_that_could_not_be_cloned_is_refused(library: Library, repo: dict[str, str]) -> None:
    with pytest.raises(WorkspaceInvalid):
        await library.kit(lib.KitRequest(repos=(repo,)), ANNA)
    with pytest.raises(WorkspaceInvalid):
        await template_of(library, repos=(repo,))


@pytest.mark.parametrize("wrong", [{"name": 2}, {"branch": ["main"]}, {"owner": None}])
async def test_what_clients_rely_on_as_text_is_text(library: Library, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidBody):
        await library.kit(lib.KitRequest(repos=(REPO | wrong,)), ANNA)
    assert (await library.kit(lib.KitRequest(repos=(REPO | {"stars": 2},)), ANNA)).repos == (REPO | {"stars": 2},)


# --- preparing a template's folder ------------------------------------------------------------------------------------


class Prepared:
    """One template, and the hubs that prepare it one after another."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.preparer = Preparer()

    async def template(self, library: Library) -> lib.SavedTemplate:
        (found,) = await library.templates.all(None)
        return found

    async def status(self, library: Library) -> str:
        """When all that could go on has."""
        await anyio.wait_all_tasks_blocked()
        return (await self.template(library)).preparation.status


@pytest.fixture
def prepared() -> Prepared:
    return Prepared()


async def test_a_template_is_queued_built_and_ready(prepared: Prepared) -> None:
    async with hub_of(prepared.store, prepared.preparer) as library:
        template = await template_of(library, repos=(REPO,))
        assert template.preparation == lib.Preparation()
        queued = (await library.preparing.refresh(template.id, ANNA)).preparation
        assert queued.status == "queued" and queued.build is not UNSET
        assert await prepared.status(library) == "building"
        kit = await library.kit(lib.KitRequest(template=template.id), ANNA)
        assert await library.preparing.begun(CLONED, kit) == CLONED
        prepared.preparer.go_on.set()
        assert await prepared.status(library) == "ready"
        begun = replace(CLONED, prepared=str(PLACE / str(queued.build)))
        assert await library.preparing.begun(CLONED, kit) == begun
        assert await library.preparing.begun(OWN, kit) == OWN, "it works in something else"
        assert await library.preparing.begun(CLONED, replace(kit, repos=())) == CLONED
        assert await library.preparing.begun(CLONED, e.Kit()) == CLONED
        assert [entry.action for entry in await prepared.store.audit()] == ["template-added", "template-refreshed"]


async def test_a_build_that_fails_says_why_and_can_be_tried_again(prepared: Prepared) -> None:
    async with hub_of(prepared.store, prepared.preparer) as library:
        template = await template_of(library, setup_script="false")
        prepared.preparer.go_on.set()
        prepared.preparer.failure = "exit code 1"
        await library.preparing.refresh(template.id, ANNA)
        assert await prepared.status(library) == "failed"
        assert (await prepared.template(library)).preparation.error == "exit code 1"
        prepared.preparer.failure = None
        await library.preparing.refresh(template.id, ANNA)
        assert await prepared.status(library) == "ready"
        assert (await prepared.template(library)).preparation.error is UNSET


async def test_a_build_that_goes_on_is_not_doubled_and_two_go_on_at_once(prepared: Prepared) -> None:
    async with hub_of(prepared.store, prepared.preparer) as library:
        several = [await template_of(library, setup_script="x") for _ in range(3)]
        for template in several * 2:
            await library.preparing.refresh(template.id, ANNA)
        await anyio.wait_all_tasks_blocked()
        statuses = [each.preparation.status for each in await library.templates.all(None)]
        assert sorted(statuses) == ["building", "building", "queued"] and len(prepared.preparer.made) == 2
        prepared.preparer.go_on.set()
        await anyio.wait_all_tasks_blocked()
        assert {each.preparation.status for each in await library.templates.all(None)} == {"ready"}
        assert len(prepared.preparer.made) == 3


async def test_sessions_begin_with_the_folder_before_until_the_next_is_ready(prepared: Prepared) -> None:
    async with hub_of(prepared.store, prepared.preparer) as library:
        template = await template_of(library, setup_script="x")
        prepared.preparer.go_on.set()
        await library.preparing.refresh(template.id, ANNA)
        await anyio.wait_all_tasks_blocked()
        (first,) = prepared.preparer.made
        prepared.preparer.go_on = anyio.Event()
        await library.preparing.refresh(template.id, ANNA)
        assert await prepared.status(library) == "building"
        kit = await library.kit(lib.KitRequest(template=template.id), ANNA)
        assert (await library.preparing.begun(OWN, kit)).prepared == str(PLACE / first)
        prepared.preparer.go_on.set()
        assert await prepared.status(library) == "ready"
        assert (await library.preparing.begun(OWN, kit)).prepared == str(PLACE / prepared.preparer.made[1])
        assert prepared.preparer.cleared == [first]


@pytest.mark.parametrize("queued", [False, True])
async def test_what_a_hub_left_unfinished_is_begun_anew_by_the_next(prepared: Prepared, queued: bool) -> None:
    async with hub_of(prepared.store, prepared.preparer) as library:
        template = await template_of(library, setup_script="x")
        await library.preparing.refresh(template.id, ANNA)
        if not queued:
            assert await prepared.status(library) == "building"
    async with hub_of(prepared.store, prepared.preparer) as library:
        assert await prepared.status(library) == "building"
        assert prepared.preparer.needed == [], "nothing of the first build is"
        prepared.preparer.go_on.set()
        assert await prepared.status(library) == "ready"
        assert (await prepared.template(library)).preparation.ready == prepared.preparer.made[-1]


@pytest.mark.parametrize("unfinished", [False, True])
async def test_a_folder_that_is_gone_when_a_hub_starts_is_forgotten(prepared: Prepared, unfinished: bool) -> None:
    async with hub_of(prepared.store, prepared.preparer) as library:
        template = await template_of(library, setup_script="x")
        prepared.preparer.go_on.set()
        await library.preparing.refresh(template.id, ANNA)
        assert await prepared.status(library) == "ready"
        if unfinished:
            prepared.preparer.go_on = anyio.Event()
            await library.preparing.refresh(template.id, ANNA)
    prepared.preparer.lost = set(prepared.preparer.made[:1])
    async with hub_of(prepared.store, prepared.preparer) as library:
        assert await prepared.status(library) == ("building" if unfinished else "none")
        kit = await library.kit(lib.KitRequest(template=template.id), ANNA)
        assert await library.preparing.begun(OWN, kit) == OWN


async def test_a_template_that_changes_meanwhile_is_not_prepared_from_what_it_was(prepared: Prepared) -> None:
    async with hub_of(prepared.store, prepared.preparer) as library:
        template = await template_of(library, setup_script="x")
        await library.preparing.refresh(template.id, ANNA)
        await anyio.wait_all_tasks_blocked()
        renamed = await library.templates.change(template.id, lib.TemplateChange(name="new"), ANNA)
        assert renamed.preparation.status == "building", "its name is nothing that the folder is made of"
        changed = await library.templates.change(template.id, lib.TemplateChange(setup_script="y"), ANNA)
        assert changed.preparation == lib.Preparation()
        prepared.preparer.go_on.set()
        assert await prepared.status(library) == "none"
        await library.preparing.refresh(template.id, ANNA)
        assert await prepared.status(library) == "ready"


async def test_a_template_that_is_deleted_takes_its_build_and_its_folder_along(prepared: Prepared) -> None:
    async with hub_of(prepared.store, prepared.preparer) as library:
        template = await template_of(library, setup_script="x")
        prepared.preparer.go_on.set()
        await library.preparing.refresh(template.id, ANNA)
        await anyio.wait_all_tasks_blocked()
        prepared.preparer.go_on = anyio.Event()
        await library.preparing.refresh(template.id, ANNA)
        await anyio.wait_all_tasks_blocked()
        await library.templates.delete(template.id, ANNA)
        await anyio.wait_all_tasks_blocked()
        assert prepared.preparer.cleared == prepared.preparer.made[:1] and len(prepared.preparer.made) == 2
        kit = e.Kit(template=e.Template(id=template.id, name="t"))
        assert await library.preparing.begun(OWN, kit) == OWN


async def test_only_its_owner_has_a_template_prepared(library: Library) -> None:
    template = await template_of(library, setup_script="x", visibility="organization")
    with pytest.raises(Forbidden):
        await library.preparing.refresh(template.id, BERT)
