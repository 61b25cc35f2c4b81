"""Sessions through the published client: made with all they can be given, read, listed, changed, woken, archived,
deleted. Every answer has passed the client's own schemas, or the call would have raised."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from roost.testing import RunningHub
from tests.behaviour.conftest import script
from tests.githttp import make_served
from tests.interop.coder.polling import idle, once, session_when
from tests.interop.coder.published import Json, Published, Raised, octets

FLAGS = ("runtimeAvailable", "controlAvailable", "wakeAvailable", "historyOnly", "liveExpected")
CONTENT = bytes(range(256))


def said(replay: Json, kind: str = "message") -> list[str]:
    return [entry.get("content", "") for entry in replay["entries"] if entry["type"] == kind]


async def test_a_session_is_made_with_every_field_and_its_agent_has_them(sdk: Published, tmp_path: Path) -> None:
    make_served(tmp_path / "served")
    repo = {"url": f"file://{tmp_path}/served/repo.git", "branch": "feature/x"}
    skill = {"skillId": "review", "repo": "acme/skills", "name": "Review", "content": "# Review\n"}
    look = "sha256sum < given/all.bin; cat also; echo $GREETING; cat file .roost/skills/*/SKILL.md"
    task = script({"bash": {"command": look}}, {"text": "Done."})
    session = await sdk.session(
        task, label="all of it", defaultAgent="scripted", visibility="organization", tags=["a", "b"], repo=repo,
        enabledAgents=["scout"], skills=[skill], env={"GREETING": "salve"}, metadata={"app": {"id": 7, "on": [True]}},
        files=[{"path": "given/all.bin", "content": octets(CONTENT)}], timeout={"idle": "10m", "paused": "0"},
        resources={"memory": "500Mi", "cpu": "500m"}, network={"enabled": True, "port": 3000}, packages=["left-pad"],
        command={"exec": ["sh", "-c", "echo built >> also; exit 3"],
                 "files": [{"path": "also", "content": octets(b"too\n")}]}, name="n", description="d",
    )  # fmt: skip
    detail = await idle(sdk, session)
    (printed,) = said(await sdk.call("getReplay", session), "tool_result")
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert printed.splitlines() == [f"{digest}  -", "too", "built", "salve", "feature/x", "# Review"]
    assert (detail["label"], detail["task"], detail["visibility"]) == ("all of it", task, "organization")
    assert (detail["tags"], detail["enabledAgents"], detail["defaultAgent"]) == (["a", "b"], ["scout"], "scripted")
    assert (detail["repo"], detail["skills"], detail["metadata"]) == (repo, [skill], {"app": {"id": 7, "on": [True]}})
    assert "env" not in detail and "salve" not in str(detail)
    unapplied = set(detail["diagnostics"]["unapplied"]) - {"resources"}  # where there is a sandbox they may be in force
    assert unapplied == {"description", "name", "network", "packages"}
    assert detail["diagnostics"]["command"] == {"status": "ended", "exitCode": 3, "output": ""}


async def test_a_whole_life_shows_in_status_bucket_and_flags(sdk: Published) -> None:
    born = await sdk.call("createSession", {"task": "one two", "timeout": {"idle": "1s"}})
    session = born["sessionId"]
    assert (born["mode"], born["status"], born["visibility"]) == ("sandbox", "creating", "private")
    detail = await idle(sdk, session)
    assert (detail["status"], *(detail[flag] for flag in FLAGS)) == ("active", True, True, False, False, True)
    asleep = await session_when(sdk, session, status="paused")
    assert (asleep["bucket"], *(asleep[flag] for flag in FLAGS)) == ("paused", False, False, True, False, False)
    assert (await sdk.call("resumeSession", session))["resumed"] is True
    await session_when(sdk, session, status="active", runtimeAvailable=True)
    for _ in range(2):
        assert await sdk.call("archiveSession", session) == {"sessionId": session, "status": "archived"}
    past = await sdk.call("getSession", session)
    assert (past["bucket"], *(past[flag] for flag in FLAGS)) == ("history", False, False, False, True, False)
    assert said(await sdk.call("getReplay", session)) == ["one two"]
    await sdk.call("deleteSession", session)
    for method in ("getSession", "getReplay", "deleteSession", "archiveSession", "resumeSession", "listParticipants"):
        with pytest.raises(Raised) as gone:
            await sdk.call(method, session)
        assert (gone.value.name, gone.value.fields["status"]) == ("APIErrorResponse", 404)


async def test_a_repository_that_cannot_be_had_is_an_error_of_the_run_and_can_be_tried_again(
    sdk: Published, tmp_path: Path
) -> None:
    session = await sdk.session(repo={"url": f"file://{tmp_path}/nowhere"})
    detail = await once(sdk, "getSession", session, so=lambda detail: "error" in detail)
    assert "nowhere" in detail["error"]["message"]
    assert (detail["status"], detail["historyOnly"]) == ("active", False)


async def test_lists_search_page_and_hide_what_is_archived(sdk: Published) -> None:
    sessions = [await sdk.session(f"sell 50%_off {n}") for n in range(3)]
    await sdk.call("archiveSession", sessions[0])

    async def listed(**params: Any) -> tuple[list[str], int]:
        page = await sdk.call("listSessions", {"search": "50%_OFF", **params})
        assert all("task" not in item and "env" not in item for item in page["sessions"])
        return [item["sessionId"] for item in page["sessions"]], page["total"]

    newest = sessions[::-1]
    assert await listed() == (newest[:2], 2)
    assert await listed(includeArchived=True) == (newest, 3)
    assert await listed(includeArchived=True, limit=1, offset=1) == (newest[1:2], 3)
    assert await listed(offset=9) == ([], 2)
    assert sorted(newest) == sorted(
        item["sessionId"] for item in (await sdk.call("listSessions", {"includeArchived": True}))["sessions"]
        if item["label"].startswith("sell 50%_off")
    )  # fmt: skip


async def test_what_is_present_changes_and_metadata_is_merged(sdk: Published) -> None:
    session = await sdk.session(tags=["a"], metadata={"kept": 1, "changed": "old"})
    change = {"label": "after", "visibility": "collaborate", "tags": [], "metadata": {"changed": "new", "added": "x"}}
    updated = await sdk.call("updateSession", session, change)
    assert {name: updated[name] for name in change} == change | {
        "metadata": {"kept": 1, "changed": "new", "added": "x"}
    }
    updated = await sdk.call("updateSession", session, {"enabledAgents": ["scout"], "defaultAgent": "scout"})
    assert (updated["label"], updated["enabledAgents"], updated["defaultAgent"]) == ("after", ["scout"], "scout")
    detail = await sdk.call("getSession", session)
    assert detail["metadata"]["kept"] == 1 and detail["visibility"] == "collaborate"


async def test_a_key_that_is_wrong_is_told_so(sdk: Published) -> None:
    with pytest.raises(Raised) as refused:
        await sdk.call("listSessions", apiKey="agc_wrong")
    assert (refused.value.name, refused.value.fields["status"]) == ("APIErrorResponse", 401)


@pytest.mark.parametrize(
    ("method", "arguments", "status"),
    [
        ("createSession", [{"task": "x", "files": [{"path": "../out", "content": octets(b"")}]}], 403),
        ("createSession", [{"task": "x", "repo": {"url": "ext::sh -c evil"}}], 400),
        ("createSession", [{"task": "x", "workspaceId": "ws_none"}], 404),
        ("createSession", [{"task": "x", "savedSkillIds": ["sk_none"]}], 404),
        ("createSession", [{"task": "x", "skillBucketIds": ["bucket_none"]}], 404),
        ("createSession", [{"task": "x", "timeout": {"idle": "soon"}}], 400),
        ("updateSession", ["codesess_000000000000", {"label": "x"}], 404),
        ("getLoopState", ["codesess_000000000000"], 404),
        ("listEventHistory", ["no/such thing"], 404),
    ],
)
async def test_what_cannot_be_is_refused_in_words(
    sdk: Published, method: str, arguments: list[Any], status: int
) -> None:
    with pytest.raises(Raised) as refused:
        await sdk.call(method, *arguments)
    assert (refused.value.name, refused.value.fields["status"]) == ("APIErrorResponse", status)
    assert len(refused.value.fields["message"]) > 10


async def test_the_hub_is_found_by_asking_where_it_is(sdk: Published, hub: RunningHub) -> None:
    assert await sdk.call("getUrl") == await sdk.call("getUrl", url=None) == hub.url


# --- to connect -------------------------------------------------------------------------------------------------------


async def test_who_is_live_or_can_be_woken_is_connectable(sdk: Published) -> None:
    live, asleep, past = [await sdk.session(f"connect me {n}", timeout={"idle": "1s"}) for n in range(3)]
    await sdk.call("archiveSession", past)
    await session_when(sdk, asleep, status="paused")
    await sdk.call("resumeSession", live)
    await session_when(sdk, live, bucket="running")
    page = await sdk.call("listConnectableSessions", {"search": "connect me"})
    assert {item["sessionId"] for item in page["sessions"]} == {live, asleep}
    assert len((await sdk.call("listConnectableSessions", {"search": "connect me", "limit": 1}))["sessions"]) == 1


async def test_whoever_wants_to_attach_wakes_who_sleeps_and_is_told_what_is_history(sdk: Published) -> None:
    session = await sdk.session("wake me", timeout={"idle": "1s"})
    await session_when(sdk, session, status="paused")
    options = {"timeoutMs": 20_000, "pollIntervalMs": 50}
    awake = await sdk.call("prepareSessionForRemoteAttach", session, options)
    assert (awake["runtimeAvailable"], awake["historyOnly"], awake["bucket"]) == (True, False, "running")
    again = await sdk.call("prepareSessionForRemoteAttach", session, options)
    assert again["runtimeAvailable"] is True
    await sdk.call("archiveSession", session)
    past = await sdk.call("prepareSessionForRemoteAttach", session, options)
    assert (past["historyOnly"], past["runtimeAvailable"]) == (True, False)


async def test_whoever_is_still_starting_is_not_waited_for(sdk: Published, tmp_path: Path) -> None:
    session = await sdk.session("a slow start", repo={"url": "http://127.0.0.1:9/never.git"})
    detail = await sdk.call("prepareSessionForRemoteAttach", session)
    assert (detail["bucket"], detail["liveExpected"]) == ("provisioning", True)


# --- what is kept -----------------------------------------------------------------------------------------------------


async def test_replay_participants_and_events_tell_what_happened(sdk: Published) -> None:
    session = await sdk.session(script({"reasoning": "Hm."}, {"bash": {"command": "echo hi"}}, {"text": "Well done."}))
    await idle(sdk, session)
    replay = await sdk.call("getReplay", session)
    kinds = [entry["type"] for entry in replay["entries"]]
    assert kinds == ["user_prompt", "thinking", "tool_call", "tool_result", "message"]
    assert (replay["entriesSource"], said(replay)) == ("session_entries", ["Well done."])
    paged = await sdk.call("getReplay", session, {"limit": 2, "offset": 1})
    assert paged["entries"] == replay["entries"][1:3]
    (lead,) = (await sdk.call("listParticipants", session))["participants"]
    assert (lead["role"], lead["agentRole"]) == ("lead", "scripted")
    history = await sdk.call("listEventHistory", session)
    ids = [event["id"] for event in history["events"]]
    assert ids == sorted(set(ids), reverse=True) and history["total"] == len(ids)
    names = [event["event"] for event in history["events"]][::-1]
    assert [name for name in names if name in ("user_prompt", "agent_start", "tool_execution_end", "agent_end")] == [
        "user_prompt", "agent_start", "tool_execution_end", "agent_end",
    ]  # fmt: skip
    page = await sdk.call("listEventHistory", session, {"limit": 3, "offset": 2})
    assert page["events"] == history["events"][2:5]
    assert all(datetime.fromisoformat(event["occurredAt"]).tzinfo for event in history["events"])


async def test_a_loop_works_until_its_agent_says_that_the_goal_is_reached(sdk: Published) -> None:
    loop = {"goal": "x", "maxIterations": 2, "autoContinue": True}
    standard = await sdk.session()
    assert (await sdk.call("getLoopState", standard))["loop"] is None
    session = await sdk.session(script({"goal": "complete"}), workflowMode="loop", loop=loop)
    state = await once(sdk, "getLoopState", session, so=lambda state: "completedAt" in state["loop"])
    assert (state["workflowMode"], state["loop"]["status"], state["loop"]["iteration"]) == ("loop", "completed", 1)
    assert (state["loop"]["maxIterations"], state["loop"]["autoContinue"]) == (2, True)
    item = next(i for i in (await sdk.call("listSessions"))["sessions"] if i["sessionId"] == session)
    assert (item["workflowMode"], item["loopStatus"], item["loopIteration"]) == ("loop", "completed", 1)
