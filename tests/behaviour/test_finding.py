"""What is said about sessions is kept by the hub, and so is where they are found."""

from pathlib import Path

from roost.client import AsyncClient
from tests.behaviour.conftest import Mark


async def test_what_is_said_about_a_session_and_where_it_is_found_outlive_the_hub(
    client: AsyncClient, tmp_path: Path, mark: Mark
) -> None:
    about = {"label": "Straße", "tags": ("a", "b"), "metadata": {"ticket": "A-17", "kept": True}}
    session = await client.create_session(workspace=tmp_path, **about)  # pyright: ignore[reportArgumentType]
    await session.update(add_tags=["c"], remove_tags=["a"], metadata={"ticket": "A-18"}, visibility="organization")
    before = await session.info()
    await mark()
    after = await session.info()
    assert (after.label, after.tags, after.metadata, after.visibility) == (
        "Straße", ("b", "c"), {"ticket": "A-18", "kept": True}, "organization",
    )  # fmt: skip
    assert (after.created_at, after.owner) == (before.created_at, before.owner)
    here = str(tmp_path)
    for found in (
        await client.list_sessions(folder=here, search="STRASSE", tags=["b", "c"], visibility="organization"),
        await client.list_sessions(folder=here, search="a-18", created_from=before.created_at),
    ):
        assert [each.session for each in found.sessions] == [session.id]
    assert (await client.counts(folder=here, tags="a")).total == 0
    await session.update(hidden=True)
    await mark()
    assert (await client.list_sessions(folder=here)).total == 0
    assert (await client.counts(folder=here, hidden=True)).total == 1
