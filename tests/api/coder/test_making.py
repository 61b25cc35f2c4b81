"""What a session is made with over the Coder wire: agents, skills, files, repositories, wishes, a loop."""

from base64 import b64encode
from typing import Any

import pytest
from msgspec import UNSET

from roost.core.decisions import HUB
from roost.core.session import Session
from roost.model.commands import MAX_FILES, MAX_GOAL_CHARS, MAX_ITERATIONS
from roost.model.envelope import draft
from roost.model.events import CommandUpdated, Failure, InitialCommand, RunComplete
from tests.api.coder.asking import ask, create
from tests.api.served import Served

pytestmark = pytest.mark.anyio
INLINE = {"skillId": "lint", "repo": "acme/skills", "name": "Lint", "content": "# Lint"}


async def made(hub: Served, **body: Any) -> tuple[Session, Any]:
    """A session as the hub has it, and as the wire shows it."""
    session = (await create(hub, **body))["sessionId"]
    return await hub.hub.find(session, HUB), await ask(hub, "GET", f"/session/{session}")


async def saved(hub: Served, name: str) -> str:
    body = {"repo": "acme/skills", "skillId": name, "name": name.title(), "content": f"# {name}"}
    skill: str = (await ask(hub, "POST", "/skills/library", body))["skill"]["id"]
    return skill


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({}, None),
        ({"agent": "scripted"}, "scripted"),
        ({"agent": "somebody"}, "somebody"),
        ({"agent": "somebody", "defaultAgent": "scripted"}, "scripted"),
        ({"agent": "scripted", "defaultAgent": "somebody"}, "somebody"),
    ],
)
async def test_the_preferred_agent_is_shown_and_an_agent_of_this_hub_works(
    hub: Served, body: dict[str, str], shown: str | None
) -> None:
    session, told = await made(hub, **body)
    assert (told.get("defaultAgent"), session.record_now.agent) == (shown, "scripted")


async def test_a_session_may_work_as_a_custom_agent_and_carries_it(hub: Served) -> None:
    agent = {"slug": "critic", "displayName": "Critic", "instructions": "Be strict.", "model": "acme/large"}
    await ask(hub, "POST", "/agents", agent | {"savedSkillIds": [await saved(hub, "critique")]})
    await ask(hub, "POST", "/session", {"task": "x", "agent": "critic"}, status=400)
    await ask(hub, "POST", "/agents/critic/publish")
    session, told = await made(hub, agent="critic")
    kit = session.record_now.kit
    assert kit.persona is not UNSET and kit.instructions is not UNSET
    assert (kit.persona.slug, kit.persona.version, kit.instructions.text) == ("critic", 1, "Be strict.")
    assert (session.record_now.agent, session.record_now.model) == ("scripted", "acme/large")
    assert (told["defaultAgent"], [skill["skillId"] for skill in told["skills"]]) == ("critic", ["critique"])


async def test_skills_are_expanded_once_each_and_outlive_the_library(hub: Served) -> None:
    ids = [await saved(hub, name) for name in ("lint", "plan", "test")]
    bucket = await ask(hub, "POST", "/skills/buckets", {"name": "all", "savedSkillIds": ids})
    buckets = [bucket["bucket"]["id"]]
    session, told = await made(hub, skills=[INLINE], savedSkillIds=ids[:2], skillBucketIds=buckets)
    assert [skill["skillId"] for skill in told["skills"]] == ["lint", "plan", "test"]
    assert told["skills"][0] == INLINE
    (listed,) = (await ask(hub, "GET", "/sessions", limit=1))["sessions"]["websocket"]
    assert listed["skills"][0] == {name: INLINE[name] for name in ("skillId", "repo", "name")}
    await ask(hub, "DELETE", f"/skills/library/{ids[2]}")
    path = f"/session/{session.id}"
    assert (await ask(hub, "GET", path))["skills"] == told["skills"]
    changed = await ask(hub, "PATCH", path, {"savedSkillIds": ids[:1], "enabledAgents": ["scout"]})
    assert ([skill["skillId"] for skill in changed["skills"]], changed["enabledAgents"]) == (["lint"], ["scout"])
    assert (await ask(hub, "PATCH", path, {"skills": []}))["skills"] == []
    for body in ({"savedSkillIds": ["sk_nowhere"]}, {"skillBucketIds": ["bucket_nowhere"]}):
        await ask(hub, "POST", "/session", {"task": "x"} | body, status=404)
        await ask(hub, "PATCH", path, body, status=404)


async def test_the_preferred_agent_can_be_changed_and_taken_away(hub: Served) -> None:
    session, _ = await made(hub, agent="scripted")
    path = f"/session/{session.id}"
    assert (await ask(hub, "PATCH", path, {"defaultAgent": "other"}))["defaultAgent"] == "other"
    assert "defaultAgent" not in await ask(hub, "PATCH", path, {"agent": ""})
    await ask(hub, "PATCH", path, {"agent": "third"})
    assert "defaultAgent" not in await ask(hub, "PATCH", path, {"defaultAgent": None})
    assert "defaultAgent" not in await ask(hub, "GET", path)


async def test_a_saved_workspace_gives_what_the_body_does_not(hub: Served) -> None:
    repo = {"url": "https://git.example/a.git", "branch": "dev"}
    body = {"name": "shop", "repos": [repo], "enabledAgents": ["scout"], "systemPrompt": "Be brief."}
    workspace = (await ask(hub, "POST", "/workspaces", body))["workspace"]["id"]
    session, told = await made(hub, workspaceId=workspace)
    assert told["workspace"] == {"id": workspace, "name": "shop", "scope": "user"}
    assert (told["repo"], told["repos"], told["enabledAgents"]) == (repo, [repo], ["scout"])
    assert (hub.workspaces.asked.url, hub.workspaces.asked.base) == (repo["url"], "dev")
    kit = session.record_now.kit
    assert kit.instructions is not UNSET and kit.instructions.text == "Be brief."
    other = {"url": "https://git.example/b.git"}
    _, told = await made(hub, workspaceId=workspace, repo=other, enabledAgents=[])
    assert (told["repos"], told["enabledAgents"], hub.workspaces.asked.url) == ([other], [], other["url"])
    await ask(hub, "POST", "/session", {"task": "x", "workspaceId": "ws_nowhere"}, status=404)
    secret = {"name": "secret", "repos": [{"url": "https://me:sesame@git.example/a.git"}]}
    assert "password" in (await ask(hub, "POST", "/workspaces", secret, status=400))["error"]


async def test_a_repository_is_cloned_with_its_password_which_is_served_nowhere(hub: Served) -> None:
    repos = [{"url": "https://me:sesame@git.example/a.git"}, {"url": "https://git.example/b.git"}]
    session, told = await made(hub, repos=repos)
    assert hub.workspaces.asked.url == "https://git.example/a.git"
    assert "sesame" in str(session.env) and "sesame" not in str(told)
    assert told["repos"] == [{"url": "https://git.example/a.git"}, repos[1]]
    assert told["diagnostics"] == {"unapplied": ["repos[1]"]}
    in_our_words = {"task": "x", "kit": {"repos": [{"url": "https://me:sesame@git.example/a.git"}]}}
    assert "password" in (await hub.http.post("/v1/sessions", json=in_our_words)).json()["detail"]
    for repo in ({"url": "--upload-pack=evil"}, {"url": "ext::sh -c evil"}, {"url": "x", "branch": "--evil"}):
        await ask(hub, "POST", "/session", {"task": "x", "repo": repo}, status=400)


async def test_files_are_kept_byte_for_byte_for_the_host(hub: Served) -> None:
    content = bytes(range(256))
    files = [{"path": "a/b.bin", "content": b64encode(content).decode()}, {"path": "empty", "content": ""}]
    more = {"command": {"exec": [], "files": [{"path": "c", "content": "eA=="}]}}
    session, told = await made(hub, files=files, **more)
    kept = session.record_now.kit.files
    assert [(file.path, file.blob.size) for file in kept] == [("a/b.bin", 256), ("empty", 0), ("c", 1)]
    stored = await hub.http.get(f"/v1/blobs/{kept[0].blob.hash}")
    assert stored.content == content
    assert session.record_now.kit.command is UNSET and "diagnostics" not in told, "no word is no command"


async def test_what_came_of_the_initial_command_is_seen_from_all_sides(hub: Served) -> None:
    session, told = await made(hub, command={"exec": ["make", "deps"]})
    path = f"/session/{session.id}"
    assert "diagnostics" not in told and session.record_now.kit.command == InitialCommand(exec=("make", "deps"))
    await hub.come(session)
    await hub.say(session, [draft(CommandUpdated(status="running", exec=("make", "deps")))])
    assert (await ask(hub, "GET", path))["diagnostics"] == {"command": {"status": "running"}}
    (shown,) = await runtime_entries(hub, path)
    about = {"command": "make", "args": ["deps"]}
    assert (shown["type"], shown["content"], shown["runtime"]) == (
        "runtime_status", "running", about | {"status": "running"},
    )  # fmt: skip
    await hub.say(session, [draft(CommandUpdated(status="ended", exit_code=2, output="no rule\n"))])
    assert (await ask(hub, "GET", path))["diagnostics"] == {
        "command": {"status": "ended", "exitCode": 2, "output": "no rule\n"}
    }
    (shown,) = await runtime_entries(hub, path)
    assert (shown["type"], shown["isError"], shown["runtime"]) == (
        "runtime_output", True, about | {"status": "ended", "exitCode": 2},
    )  # fmt: skip
    assert shown["content"] == "no rule\nit ended with exit code 2"
    events = (await ask(hub, "GET", f"{path}/events/history"))["events"]
    assert [event["event"] for event in reversed(events) if event["category"] == "runtime"] == [
        "runtime_process_start", "runtime_process_output", "runtime_process_error", "runtime_process_stop",
    ]  # fmt: skip


async def test_why_the_initial_command_did_not_start_is_seen(hub: Served) -> None:
    session, _ = await made(hub, command={"exec": ["make"]})
    await hub.come(session)
    await hub.say(session, [draft(CommandUpdated(status="ended", error=Failure(code="no_command", message="no make")))])
    told = await ask(hub, "GET", f"/session/{session.id}")
    assert told["diagnostics"]["command"]["error"] == {"code": "no_command", "message": "no make"}


async def runtime_entries(hub: Served, path: str) -> list[Any]:
    entries = (await ask(hub, "GET", f"{path}/replay"))["entries"]
    return [entry for entry in entries if entry["type"].startswith("runtime")]


@pytest.mark.parametrize("command", [{"exec": [" "]}, {"exec": ["a\0"]}, {"exec": ["x"], "mode": "often"}])
async def test_what_is_no_initial_command_is_refused(hub: Served, command: dict[str, Any]) -> None:
    await ask(hub, "POST", "/session", {"task": "x", "command": command}, status=400)


@pytest.mark.parametrize(
    ("paths", "status"),
    [
        (["/etc/passwd"], 403),
        (["../out"], 403),
        (["a/../../out"], 403),
        ([".git/hooks/post-checkout"], 403),
        ([""], 400),
        (["same", "./same"], 400),
        ([f"f{n}" for n in range(MAX_FILES + 1)], 400),
    ],
)
async def test_files_stay_in_the_workspace_and_are_so_many(hub: Served, paths: list[str], status: int) -> None:
    files = [{"path": path, "content": ""} for path in paths]
    told = await ask(hub, "POST", "/session", {"task": "x", "files": files}, status=status)
    assert "files" in told["error"]


async def test_wishes_about_the_runtime_are_kept_and_it_is_said_that_they_were_not_applied(hub: Served) -> None:
    wishes = {
        "resources": {"memory": "500Mi", "cpu": "500m"}, "network": {"enabled": True, "port": 3000}, "runtime": "bun:1",
        "dependencies": ["curl"], "packages": ["left-pad"], "stream": {"timestamps": True}, "projectId": "proj_1",
    }  # fmt: skip
    session, told = await made(hub, **wishes, timeout={"idle": "10m", "execution": "1h", "paused": "0"})
    assert session.record_now.kit.wishes == wishes
    assert told["diagnostics"] == {"unapplied": sorted(wishes)}
    timeouts = session.record_now.timeouts
    assert (timeouts.idle, timeouts.execution, timeouts.paused) == (600, 3600, 0)


async def test_a_loop_begins_with_its_session_and_is_adjusted_ended_and_begun_again(hub: Served) -> None:
    loop = {"goal": "ship it", "maxIterations": 3, "autoContinue": True}
    session, told = await made(hub, workflowMode="loop", loop=loop)
    path = f"/session/{session.id}"
    assert (told["workflowMode"], told["loopStatus"], told["loopIteration"]) == ("loop", "starting", 0)
    answer = await ask(hub, "GET", f"{path}/loop")
    assert (answer["workflowMode"], answer["loop"]) == ("loop", told["loop"])
    assert answer["loop"].pop("updatedAt") >= 0
    assert answer["loop"] == loop | {"status": "starting", "iteration": 0, "allowDetached": True}
    await hub.come(session)
    change = {"workflowMode": "loop", "loop": {"maxIterations": 5}}
    assert (await ask(hub, "PATCH", path, change))["workflowMode"] == "loop"
    adjusted = (await ask(hub, "GET", f"{path}/loop"))["loop"]
    assert (adjusted["goal"], adjusted["maxIterations"], adjusted["autoContinue"]) == ("ship it", 5, True)
    for _ in range(2):
        assert (await ask(hub, "PATCH", path, {"workflowMode": "standard"}))["workflowMode"] == "standard"
    answer = await ask(hub, "GET", f"{path}/loop")
    assert (answer["workflowMode"], answer["loop"]) == ("standard", None)
    assert "loopStatus" not in await ask(hub, "GET", path)
    run = session.record_now.run
    assert run is not UNSET and not run.abort_requested
    await hub.say(session, [draft(RunComplete(), run=run.run)])
    assert session.record_now.run is UNSET, "no iteration follows"
    await ask(hub, "PATCH", path, {"loop": {"goal": "once more"}})
    again = (await ask(hub, "GET", f"{path}/loop"))["loop"]
    assert (again["goal"], again["status"], again["iteration"]) == ("once more", "running", 1)


async def test_fields_and_loop_change_together_or_not_at_all(hub: Served) -> None:
    session, _ = await made(hub, label="before", loop={"goal": "ship it"})
    path = f"/session/{session.id}"
    await ask(hub, "PATCH", path, {"label": "after", "loop": {"maxIterations": 0}}, status=400)
    assert session.record_now.label == "before"
    changed = await ask(hub, "PATCH", path, {"label": "after", "loop": {"maxIterations": 2}})
    loop = (await ask(hub, "GET", f"{path}/loop"))["loop"]
    assert (changed["label"], loop["maxIterations"]) == ("after", 2)


async def test_a_loop_without_a_word_works_towards_the_task(hub: Served) -> None:
    _, told = await made(hub, workflowMode="loop")
    assert (told["workflowMode"], told["loop"]["status"]) == ("loop", "starting")
    standard, told = await made(hub, workflowMode="standard", loop={"goal": "not now"})
    assert told["workflowMode"] == "standard" and "loop" not in told
    changed = await ask(hub, "PATCH", f"/session/{standard.id}", {"workflowMode": "loop"})
    assert changed["workflowMode"] == "loop"


@pytest.mark.parametrize(
    ("loop", "status"),
    [
        ({"goal": "g" * MAX_GOAL_CHARS, "maxIterations": MAX_ITERATIONS}, 201),
        ({"goal": "g" * (MAX_GOAL_CHARS + 1)}, 400),
        ({"maxIterations": MAX_ITERATIONS + 1}, 400),
        ({"maxIterations": 0}, 400),
        ({"maxIterations": 1.5}, 400),
    ],
)
async def test_a_loop_has_limits(hub: Served, loop: dict[str, Any], status: int) -> None:
    await ask(hub, "POST", "/session", {"task": "x", "workflowMode": "loop", "loop": loop}, status=status)
