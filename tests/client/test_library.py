"""The library from Python: the same things and errors as over HTTP."""

import pytest
from anyio import to_thread

from roost.client import AsyncClient, Client
from roost.model.errors import (
    ForgeNotConnected,
    InvalidBody,
    NameTaken,
    NotInLibrary,
    PersonaUnpublished,
)  # fmt: skip
from roost.testing import RunningHub

pytestmark = pytest.mark.anyio


async def test_a_session_is_given_what_was_saved(client: AsyncClient) -> None:
    library = client.library()
    skill = await library.save_skill({"repo": "r", "skill": "s", "name": "S", "content": "# S"})
    bucket = await library.add_bucket({"name": "b", "skills": [skill.id]})
    persona = await library.add_persona({"slug": "critic", "display_name": "C", "instructions": "Be strict."})
    template = await library.add_template({"name": "t", "buckets": [bucket.id], "system_prompt": "Be kind."})
    wanted = {"template": template.id, "default_agent": "critic"}
    with pytest.raises(PersonaUnpublished):
        await library.kit(wanted)
    await library.publish_persona(persona.id)
    kit = await library.kit(wanted)
    assert [each.content for each in kit.skills] == ["# S"]
    session = await client.create_session(kit=wanted)
    assert (await session.snapshot()).record.kit == kit


async def test_everything_is_listed_changed_and_deleted(client: AsyncClient) -> None:
    library = client.library()
    skill = await library.save_skill({"repo": "r", "skill": "listed", "name": "L"})
    bucket = await library.add_bucket({"name": "listed"})
    template = await library.add_template({"name": "listed", "setup_script": "true"})
    persona = await library.add_persona({"slug": "listed", "display_name": "L", "instructions": "x"})
    assert skill in await library.skills() and bucket in await library.buckets()
    assert template in await library.templates() and persona in await library.personas()
    assert (await library.change_template(template.id, {"name": "new"})).name == "new"
    assert (await library.template(template.id)).name == "new"
    assert (await library.change_persona("listed", {"description": "new"})).portrait.description == "new"
    assert (await library.persona("listed")).portrait.description == "new"
    assert (await library.refresh_template(template.id)).preparation.status == "queued"
    assert await library.versions("listed") == []
    archived = await library.archive_persona("listed")
    assert archived not in await library.personas() and archived in await library.personas(archived=True)
    assert (await library.delete_skill(skill.id)).id == skill.id
    assert (await library.delete_bucket(bucket.id)).id == bucket.id
    assert (await library.delete_template(template.id)).id == template.id
    for gone in (
        library.delete_skill(skill.id),
        library.delete_bucket(bucket.id),
        library.template(template.id),
    ):
        with pytest.raises(NotInLibrary):
            await gone


async def test_what_cannot_be_kept_is_refused_as_its_class(client: AsyncClient) -> None:
    library = client.library()
    fields = {"slug": "taken", "display_name": "T", "instructions": "x"}
    await library.add_persona(fields)
    with pytest.raises(NameTaken):
        await library.add_persona(fields)
    with pytest.raises(InvalidBody):
        await library.add_template({"name": "holds nothing"})
    with pytest.raises(InvalidBody):
        await library.save_skill({"repo": "r"})
    with pytest.raises(ForgeNotConnected):
        await library.accounts()
    with pytest.raises(ForgeNotConnected):
        await library.repositories("7")


async def test_a_builder_session_is_a_session(client: AsyncClient) -> None:
    made = await client.library().build_persona({"prompt": "hello"})
    assert [message.text for message in await client.session(made.session).messages()][:1] == ["hello"]
    assert (await client.library().packages(["not a package"])).invalid[0].package == "not a package"


async def test_without_await_it_is_the_same(hub: RunningHub) -> None:
    def work() -> list[str]:
        with Client(data=hub.data) as client:
            client.library().save_skill({"repo": "r", "skill": "sync", "name": "Sync"})
            return [skill.name for skill in client.library().skills() if skill.skill == "sync"]

    assert await to_thread.run_sync(work) == ["Sync"]
