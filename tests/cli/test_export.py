"""`roost export` and `roost import`, through the real entry point."""

from pathlib import Path

from roost.client import AsyncClient
from tests.cli.conftest import Roost


async def test_a_session_is_exported_and_imported_and_replays_the_same(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task="count to 3")
    await session.wait_idle()
    await session.archive()
    done = await roost("export", session.id)
    file = roost.folder / f"{session.id.removeprefix('codesess_')}.roost.tar.gz"
    assert done.code == 0 and file.name in done.out and file.stat().st_mode & 0o777 == 0o600
    taken = await roost("import", str(file), "--json")
    assert (taken.code, taken.error["code"]) == (1, "session_exists")
    copy = (await roost("import", str(file), "--new-id", "--json")).json["session"]
    assert copy != session.id
    assert (await roost("replay", copy, "--json")).out == (await roost("replay", session.id, "--json")).out
    await client.delete_session(session.id)
    assert (await roost("import", str(file))).out.startswith(session.id)


async def test_an_export_goes_where_it_is_told_and_says_how_much(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session()
    told = (await roost("export", session.id, "-o", "kept.tgz", "--json")).json
    assert told == {"session": session.id, "file": "kept.tgz", "bytes": (roost.folder / "kept.tgz").stat().st_size}
    assert [path.name for path in roost.folder.iterdir()] == ["kept.tgz"]


async def test_what_is_no_bundle_is_refused_in_words(roost: Roost) -> None:
    (roost.folder / "notes.txt").write_text("hello")
    done = await roost("import", "notes.txt", "--json")
    assert (done.code, done.error["code"]) == (1, "bundle_invalid")
    assert (await roost("import", "nothing.tgz")).code == 1
    assert Path("notes.txt").name in [path.name for path in roost.folder.iterdir()]
