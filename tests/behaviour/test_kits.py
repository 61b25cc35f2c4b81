"""What a session is given: files and skills in its workspace before its agent starts, instructions and names to the
agent itself. What the agent changes afterwards is the agent's."""

import json
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model import commands as c
from roost.model.errors import BlobNotFound, BodyTooLarge, InvalidBody, PathOutside, RoostError, WorkspaceDirty
from roost.model.events import Skill
from tests.behaviour.conftest import Mark, awake, script, stands, until

ODD = bytes(range(256)) + b"\r\n\0end"
REVIEW = Skill(repo="acme/skills", skill="review", name="Code Review!", content="# Review\nRead it twice.\n")
NAMED = Skill(repo="acme/skills", skill="elsewhere", url="https://example.org/elsewhere")
GIVEN = script({"given": True})


def name_of(content: bytes) -> str:
    return f"sha256-{sha256(content).hexdigest()}"


async def told(session: AsyncSession) -> dict[str, Any]:
    """What its agent says that it was given."""
    return json.loads((await session.send(GIVEN)).text or "")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


async def test_files_lie_in_the_workspace_byte_for_byte_before_the_agent_starts(client: AsyncClient) -> None:
    large = await client.put_blob(ODD * 4096)
    files = {"a.bin": ODD, "./in//deep/b.txt": b"", "large": large}
    session = await client.create_session(task=GIVEN, files=files, env={"TOKEN": "secret"}, kit={"skills": [REVIEW]})
    run = await until(session, "run-complete")
    said = json.loads((await session.result(run.run or "")).text or "")  # pyright: ignore[reportArgumentType]
    assert said["files"] == {"a.bin": name_of(ODD), "in/deep/b.txt": name_of(b""), "large": name_of(ODD * 4096)}
    assert "TOKEN" in said["env"]
    kit = (await session.info()).kit
    assert kit is not UNSET
    assert [file.path for file in kit.files] == ["a.bin", "in/deep/b.txt", "large"]
    assert "secret" not in str(await session.info())


async def test_what_the_agent_made_of_its_files_stays_when_the_session_wakes(client: AsyncClient, mark: Mark) -> None:
    session = await awake(client, files={"notes.txt": b"given", "gone.txt": b"given"})
    await session.send(
        script({"write": {"path": "notes.txt", "content": "mine"}}, {"bash": {"command": "rm gone.txt"}})
    )
    await session.pause()
    await mark()
    await session.resume()
    assert (await told(session))["files"]["notes.txt"] == name_of(b"mine")
    assert [file.path for file in (await session.list_files()).files] == ["notes.txt"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../out", "a/../../out", ".git/hooks/post-commit", "sub/.GIT/config"])
async def test_a_path_that_leads_out_is_refused_and_no_session_is_made(client: AsyncClient, path: str) -> None:
    before = (await client.list_sessions()).total
    with pytest.raises(PathOutside):
        await client.create_session(files={path: b"x"})
    assert (await client.list_sessions()).total == before


async def test_a_link_that_leads_out_of_a_plain_folder_is_refused(client: AsyncClient, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    request = c.WorkspaceRequest(kind="folder", path=str(folder))
    with pytest.raises(PathOutside):
        await client.create_session(workspace=request, files={"link/out": b"x"})
    assert not (tmp_path / "out").exists()


async def test_a_link_that_a_repository_brings_along_leads_no_file_out_of_the_worktree(
    client: AsyncClient, repository: Path, tmp_path: Path
) -> None:
    (repository / "link").symlink_to(tmp_path)
    git(repository, "add", "link")
    git(repository, "commit", "-q", "-m", "a link")
    session = await client.create_session(task="hello", workspace=repository, files={"link/out": b"x"})
    info = await stands(session, lambda info: info.last_run is not UNSET)
    assert info.last_run is not UNSET and info.last_run.error is not UNSET
    assert info.last_run.error.code == "path_outside"
    assert not (tmp_path / "out").exists()


async def test_as_much_as_may_be_is_given(client: AsyncClient) -> None:
    files = {f"{number}": b"" for number in range(c.MAX_FILES)}
    loop = {"goal": "g" * c.MAX_GOAL_CHARS, "max_iterations": c.MAX_ITERATIONS}
    kit = {"enabled_agents": [f"agent {number}" for number in range(100)]}
    info = await (await client.create_session(files=files, loop=loop, kit=kit)).info()
    assert info.kit is not UNSET
    assert info.loop is not UNSET
    assert (len(info.kit.files), len(info.kit.enabled_agents), info.loop.loop.max_iterations) == (200, 100, 10_000)


async def test_a_blob_of_nobody_is_not_given(client: AsyncClient) -> None:
    request = c.CreateSession(files=(c.FileRequest(path="a", blob=name_of(b"never uploaded")),))
    with pytest.raises(BlobNotFound):
        await client.create(request)


async def test_skills_lie_where_the_agent_reads_them_and_git_does_not_see_them(
    client: AsyncClient, repository: Path
) -> None:
    session = await awake(client, workspace=repository, kit={"skills": [REVIEW, NAMED, REVIEW]})
    assert (await told(session))["skills"] == {"code-review": name_of((REVIEW.content or "").encode())}
    assert (await session.diff()).files == ()
    await session.delete()  # nothing is dirty


async def test_skills_change_with_the_next_start_and_those_of_the_project_stay(
    client: AsyncClient, tmp_path: Path
) -> None:
    own = tmp_path / "project/.roost/skills/own/SKILL.md"
    own.parent.mkdir(parents=True)
    own.write_text("# Ours\n")
    theirs = Skill(repo="acme/skills", skill="own", content="# Theirs\n")
    session = await awake(client, workspace=tmp_path / "project", kit={"skills": [REVIEW, theirs]})
    assert (await told(session))["skills"].keys() == {"code-review", "own"}
    await session.update(kit={"skills": [theirs]})
    await session.pause()
    await session.resume()
    assert (await told(session))["skills"] == {"own": name_of(b"# Ours\n")}


async def test_a_folder_of_roosts_in_which_nobody_did_anything_holds_no_work(client: AsyncClient) -> None:
    given = {"files": {"a": b"1"}, "kit": {"skills": [REVIEW]}}
    untouched, touched = await awake(client, **given), await awake(client, **given)
    await told(untouched)
    await touched.send(script({"write": {"path": "b", "content": "2"}}))
    await untouched.delete()
    with pytest.raises(WorkspaceDirty):
        await touched.delete()


async def test_the_agent_is_told_its_names_and_a_change_of_one_leaves_the_others(client: AsyncClient) -> None:
    kit = {"default_agent": "scout", "enabled_agents": ["scout", "lead"], "wishes": {"resources": {"memory": "1Gi"}}}
    session = await awake(client, kit=kit)
    said = await told(session)
    assert {name: said[name] for name in kit} == kit
    changed = (await session.update(kit={"default_agent": "", "skills": [NAMED]})).kit
    assert changed is not UNSET
    assert (changed.default_agent, changed.enabled_agents, changed.skills) == (UNSET, ("scout", "lead"), (NAMED,))


async def test_the_agent_is_told_what_library_and_caller_want_it_to_be(client: AsyncClient) -> None:
    library = client.library()
    saved = await library.save_skill({"repo": "custom", "skill": "tidy", "name": "Tidy", "content": "# Tidy\n"})
    persona = await library.add_persona({
        "slug": "scout", "display_name": "Scout", "instructions": "Look, do not touch.", "model": "acme/large",
        "thinking": "high", "tools": ["read", "grep"], "skills": [saved.id],
    })  # fmt: skip
    await library.publish_persona(persona.id)
    template = await library.add_template(
        {"name": "shop", "system_prompt": "Be brief.", "system_prompt_mode": "overwrite"}
    )
    kit = {"default_agent": "scout", "template": template.id, "skills": [REVIEW]}
    session = await awake(client, kit=kit)
    await library.change_persona(persona.id, {"instructions": "Touch everything."})
    said = await told(session)
    assert said["instructions"] == {"text": "Be brief.\n\nLook, do not touch.", "mode": "overwrite"}
    assert said["skills"].keys() == {"code-review", "tidy"}
    shown = {name: said["persona"][name] for name in ("slug", "version", "thinking", "tools")}
    assert shown == {"slug": "scout", "version": 1, "thinking": "high", "tools": ["read", "grep"]}
    assert json.loads((await session.send(script({"config": True}))).text or "")["model"] == "acme/large"
    chosen = await awake(client, kit=kit, model="acme/small")
    assert json.loads((await chosen.send(script({"config": True}))).text or "")["model"] == "acme/small"


TOO_MUCH: list[tuple[dict[str, Any], type[RoostError]]] = [
    ({"files": {f"f{number}": b"" for number in range(c.MAX_FILES + 1)}}, InvalidBody),
    ({"files": {"a": b"", "a/b": b""}}, InvalidBody),
    ({"files": {"a": b"", "./a": b""}}, InvalidBody),
    ({"files": {"a/": b""}}, InvalidBody),
    ({"files": {"": b""}}, InvalidBody),
    ({"kit": {"skills": [{"repo": "r", "skill": " "}]}}, InvalidBody),
    ({"kit": {"enabled_agents": [f"agent {number}" for number in range(101)]}}, InvalidBody),
    ({"kit": {"wishes": {"a": "b" * 200 * 1024}}}, BodyTooLarge),
    ({"loop": {}}, InvalidBody),
    ({"loop": {"goal": " "}}, InvalidBody),
    ({"loop": {"goal": "g" * (c.MAX_GOAL_CHARS + 1)}}, InvalidBody),
    ({"loop": {"goal": "g", "max_iterations": 0}}, InvalidBody),
    ({"loop": {"goal": "g", "max_iterations": c.MAX_ITERATIONS + 1}}, InvalidBody),
]


@pytest.mark.parametrize(("given", "error"), TOO_MUCH)
async def test_too_much_or_nothing_is_refused(
    client: AsyncClient, given: dict[str, Any], error: type[RoostError]
) -> None:
    with pytest.raises(error):
        await client.create_session(**given)
