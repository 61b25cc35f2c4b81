"""The published command line: every subcommand, for people and for programs. Each takes about a second; those that do
not wait for one another run at once."""

from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from roost.testing import RunningHub
from tests.behaviour.conftest import script
from tests.interop.coder.conftest import key_of
from tests.interop.coder.polling import idle
from tests.interop.coder.published import Json, Published
from tests.interop.coder.vendor_cli import Agentuity


@pytest.fixture(scope="module")
def agentuity(installed: Path, hub: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Agentuity:
    return Agentuity(hub.url, key_of(hub.data), tmp_path_factory.mktemp("home"))


async def at_once(**calls: Awaitable[Any]) -> Json:
    """What each of these gives."""
    found: Json = {}

    async def take(name: str, call: Awaitable[Any]) -> None:
        found[name] = await call

    async with anyio.create_task_group() as tasks:
        for name, call in calls.items():
            tasks.start_soon(take, name, call)
    return found


async def test_a_session_is_created_and_looked_at_from_all_sides(agentuity: Agentuity, sdk: Published) -> None:
    task = script({"bash": {"command": "echo $GREETING $OTHER"}}, {"text": "Done."})
    made = await agentuity.json(
        "create", task, "--label", "from a shell", "--tags", "a, b", "--env", "GREETING=salve,OTHER=omnes",
        "--visibility", "org", "--default-agent", "scripted", "--enabled-agents", "scout",
    )  # fmt: skip
    session = made["sessionId"]
    await idle(sdk, session)
    told = await at_once(
        get=agentuity.json("get", session), replay=agentuity.json("replay", session), list=agentuity.json("ls"),
        participants=agentuity.json("members", session), events=agentuity.json("ev", session, "--limit", "3"),
        loop=agentuity.json("loop", session), users=agentuity.json("users"), shown=agentuity.run("show", session),
        table=agentuity.run("list"),
    )  # fmt: skip
    detail = told["get"]
    assert (detail["label"], detail["tags"], detail["visibility"]) == ("from a shell", ["a", "b"], "organization")
    assert (detail["defaultAgent"], detail["enabledAgents"]) == ("scripted", ["scout"])
    outputs = [entry["content"] for entry in told["replay"]["entries"] if entry["type"] == "tool_result"]
    assert outputs == ["salve omnes\n"]
    assert session in [item["sessionId"] for item in told["list"]]
    assert [one["role"] for one in told["participants"]["participants"]] == ["lead"]
    assert len(told["events"]["events"]) == 3
    assert (told["loop"]["workflowMode"], told["loop"]["loop"]) == ("standard", None)
    assert [user["userId"] for user in told["users"]] == ["owner"]
    for words in ("from a shell", "lead", "scripted", "active"):
        assert words in told["shown"].text, told["shown"].text
    assert session in told["table"].text


async def test_a_session_is_changed_archived_and_deleted(agentuity: Agentuity, sdk: Published) -> None:
    session = await sdk.session()
    updated = await agentuity.json("update", session, "--label", "after", "--tags", "c", "--visibility", "collab")
    assert (updated["label"], updated["tags"], updated["visibility"]) == ("after", ["c"], "collaborate")
    looped = await agentuity.json("set", session, "--loop-goal", "ship it", "--loop-max-iterations", "3")
    assert looped["workflowMode"] == "loop"
    assert (await agentuity.json("loop", session))["loop"]["goal"] == "ship it"
    assert (await agentuity.json("archive", session))["status"] == "archived"
    assert (await agentuity.json("rm", session))["deleted"] is True
    gone = await agentuity.run("get", session)
    assert gone.code != 0 and f"There is no session {session}" in gone.text


async def test_a_loop_is_begun_from_a_shell(agentuity: Agentuity) -> None:
    made = await agentuity.json(
        "new", script({"goal": "complete"}), "--loop-goal", "x", "--loop-max-iterations", "2", "--loop-auto-continue"
    )
    state = await agentuity.json("loop", made["sessionId"])
    assert (state["workflowMode"], state["loop"]["goal"], state["loop"]["maxIterations"]) == ("loop", "x", 2)


async def test_workspaces_are_kept_from_a_shell(agentuity: Agentuity) -> None:
    workspace = partial(agentuity.json, "workspace")
    made = await workspace("create", "shop", "--setup-script", "true", "--system-prompt", "Be brief.")
    told = await at_once(
        list=workspace("list"), get=workspace("get", made["id"]), refresh=workspace("refresh", made["id"]),
        judged=workspace("validate-dependencies", "git,jq"),
        update=workspace("update", made["id"], "--name", "the shop", "--enabled-agents", "scout"),
    )  # fmt: skip
    assert [each["id"] for each in told["list"]] == [made["id"]]
    assert (told["get"]["setupScript"], told["get"]["systemPrompt"]) == ("true", "Be brief.")
    assert told["refresh"]["snapshot"]["status"] in ("queued", "building", "ready")
    judged = told["judged"]
    assert sorted([*judged["valid"], *(each["package"] for each in judged["invalid"])]) == ["git", "jq"]
    assert (told["update"]["name"], told["update"]["enabledAgents"]) == ("the shop", ["scout"])
    session = await agentuity.json("create", "hello", "--workspace-id", made["id"])
    assert (await agentuity.json("get", session["sessionId"]))["workspace"]["id"] == made["id"]
    await workspace("delete", made["id"])
    assert (await agentuity.run("workspace", "get", made["id"])).code != 0


async def test_skills_and_buckets_are_kept_from_a_shell(agentuity: Agentuity) -> None:
    skill = partial(agentuity.json, "skill")
    made = await at_once(
        own=skill("create", "--skill-id", "own", "--name", "Own", "--content", "# Own"),
        saved=skill("save", "--repo", "acme/skills", "--skill-id", "review", "--name", "Review"),
        bucket=skill("buckets", "--create", "both", "--description", "all of them"),
    )
    assert (made["own"]["source"], made["saved"]["source"]) == ("custom", "registry")
    told = await at_once(list=skill("list"), buckets=skill("buckets"))
    assert {each["skillId"] for each in told["list"]} == {"own", "review"}
    assert [each["name"] for each in told["buckets"]] == ["both"]
    await at_once(skill=skill("delete", made["own"]["id"]), bucket=skill("buckets", "--delete", made["bucket"]["id"]))
    assert {each["skillId"] for each in await skill("list")} == {"review"}


@pytest.mark.usefixtures("github")
async def test_a_repository_of_github_is_named_as_people_name_it(agentuity: Agentuity, sdk: Published) -> None:
    made = await agentuity.json("create", "hello", "--repo", "acme/repo-003#dev")
    repo = (await sdk.call("getSession", made["sessionId"]))["repo"]
    assert (repo["fullName"], repo["branch"], repo["url"]) == (
        "acme/repo-003", "dev", "https://g.test/acme/repo-003.git",
    )  # fmt: skip


async def test_what_is_refused_is_said_in_a_line_and_by_the_exit_code(agentuity: Agentuity) -> None:
    wrong = Agentuity(agentuity.environment["AGENTUITY_CODER_URL"], "agc_wrong", agentuity.home)
    told = await at_once(
        repo=agentuity.run("create", "x", "--repo", "acme/repo"), nobody=agentuity.run("archive", "codesess_none"),
        key=wrong.run("list"),
    )  # fmt: skip
    assert all(printed.code for printed in told.values())
    assert "GitHub" in told["repo"].text
    assert "There is no session" in told["nobody"].text
    assert "Failed to list" in told["key"].text
