"""The library over the Coder wire: skills, buckets, saved workspaces, custom agents, users. Who sees what, and what
clients rely on in the shapes."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import anyio
import httpx
import pytest

from tests.api.coder.asking import ask
from tests.api.served import Served

pytestmark = pytest.mark.anyio

SKILL = {"repo": "acme/skills", "skillId": "review", "name": "Review"}
AGENT = {"slug": "critic", "displayName": "Critic", "instructions": "Criticise."}
WORKSPACE = {"name": "api", "setupScript": "make deps"}


async def client_of(hub: Served, **wanted: Any) -> httpx.AsyncClient:
    """Somebody with a key of their own."""
    answer = await hub.http.post("/v1/keys", json=wanted)
    assert answer.status_code == 201, answer.text
    return hub.client(Authorization=f"Bearer {answer.json()['secret']}")


@pytest.fixture(scope="module")
async def anna(hub: Served) -> AsyncGenerator[httpx.AsyncClient]:
    async with await client_of(hub, user="anna", org="acme") as http:
        yield http


@pytest.fixture(scope="module")
async def bert(hub: Served) -> AsyncGenerator[httpx.AsyncClient]:
    """Of the same organisation."""
    async with await client_of(hub, user="bert", org="acme") as http:
        yield http


@pytest.fixture(scope="module")
async def dora(hub: Served) -> AsyncGenerator[httpx.AsyncClient]:
    """Of another one."""
    async with await client_of(hub, user="dora", org="umbrella") as http:
        yield http


def nothing_is_null(told: Any) -> bool:
    if isinstance(told, dict):
        return all(value is not None and nothing_is_null(value) for value in told.values())
    return not isinstance(told, list) or all(map(nothing_is_null, told))


# --- skills and buckets -----------------------------------------------------------------------------------------------


async def test_a_skill_is_saved_once_for_its_repository_and_id(hub: Served, anna: httpx.AsyncClient) -> None:
    first = (await ask(hub, "POST", "/skills/library", SKILL, http=anna))["skill"]
    again = (await ask(hub, "POST", "/skills/library", SKILL | {"name": "Better", "content": "# Hi"}, http=anna))[
        "skill"
    ]
    assert again["id"] == first["id"] and again["createdAt"] == first["createdAt"]
    assert (again["name"], again["content"], again["source"]) == ("Better", "# Hi", "registry")
    assert "content" not in first and "description" not in first
    listed = (await ask(hub, "GET", "/skills/library", http=anna))["skills"]
    assert [skill["id"] for skill in listed] == [first["id"]]
    assert await ask(hub, "DELETE", f"/skills/library/{first['id']}", http=anna) == {"ok": True}
    await ask(hub, "DELETE", f"/skills/library/{first['id']}", http=anna, status=404)


async def test_a_custom_skill_needs_its_content(hub: Served, anna: httpx.AsyncClient) -> None:
    custom = SKILL | {"repo": "custom", "source": "custom"}
    for content in ({}, {"content": "  \n"}):
        refused = await ask(hub, "POST", "/skills/library", custom | content, http=anna, status=400)
        assert refused["code"] == "CODER_INVALID_REQUEST" and "content" in refused["error"]


@pytest.mark.parametrize("wrong", [{}, {"repo": 1}, {"name": " "}, {"name": "x" * 201}, {"content": "x" * 65_537}])
async def test_a_skill_of_the_wrong_shape_or_size_is_refused(hub: Served, wrong: dict[str, Any]) -> None:
    body = SKILL | wrong if wrong else {}
    answer = await hub.http.post("/api/hub/skills/library", json=body)
    assert answer.status_code in (400, 413), answer.text


async def test_a_bucket_holds_saved_skills_and_forgets_deleted_ones(hub: Served, anna: httpx.AsyncClient) -> None:
    kept = (await ask(hub, "POST", "/skills/library", SKILL | {"skillId": "kept"}, http=anna))["skill"]
    gone = (await ask(hub, "POST", "/skills/library", SKILL | {"skillId": "gone"}, http=anna))["skill"]
    wanted = {"name": "both", "savedSkillIds": [gone["id"], kept["id"]]}
    made = (await ask(hub, "POST", "/skills/buckets", wanted, http=anna))["bucket"]
    assert (made["skillCount"], made["skills"]) == (2, [gone, kept])
    await ask(hub, "DELETE", f"/skills/library/{gone['id']}", http=anna)
    (listed,) = (await ask(hub, "GET", "/skills/buckets", http=anna))["buckets"]
    assert (listed["id"], listed["skillCount"], listed["skills"]) == (made["id"], 1, [kept])
    assert await ask(hub, "DELETE", f"/skills/buckets/{made['id']}", http=anna) == {"ok": True}
    assert (await ask(hub, "GET", "/skills/buckets", http=anna))["buckets"] == []


async def test_a_bucket_of_unknown_skills_is_refused(hub: Served, anna: httpx.AsyncClient) -> None:
    refused = await ask(
        hub, "POST", "/skills/buckets", {"name": "b", "savedSkillIds": ["sk_no"]}, http=anna, status=404
    )
    assert refused["details"]["id"] == "sk_no"


async def test_skills_are_their_owners_alone(hub: Served, anna: httpx.AsyncClient, bert: httpx.AsyncClient) -> None:
    mine = (await ask(hub, "POST", "/skills/library", SKILL | {"skillId": "mine"}, http=anna))["skill"]
    assert mine["id"] not in [each["id"] for each in (await ask(hub, "GET", "/skills/library", http=bert))["skills"]]
    await ask(hub, "DELETE", f"/skills/library/{mine['id']}", http=bert, status=404)


# --- saved workspaces -------------------------------------------------------------------------------------------------


async def test_a_workspace_is_saved_read_changed_and_deleted(hub: Served, anna: httpx.AsyncClient) -> None:
    skill = (await ask(hub, "POST", "/skills/library", SKILL | {"skillId": "for-ws"}, http=anna))["skill"]
    wanted = WORKSPACE | {
        "description": "the api", "scope": "user",
        "repos": [{"url": "https://x.test/a.git", "name": "a", "owner": None}],
        "dependencies": ["jq", "curl=8.0"], "systemPrompt": "Be kind.", "systemPromptMode": "overwrite",
        "savedSkillIds": [skill["id"]], "enabledAgents": ["scout"],
    }  # fmt: skip
    made = (await ask(hub, "POST", "/workspaces", wanted, http=anna, status=201))["workspace"]
    assert made["repos"] == [{"url": "https://x.test/a.git", "name": "a"}]
    assert {name: made[name] for name in wanted if name != "repos"} == {n: v for n, v in wanted.items() if n != "repos"}
    assert (made["repoCount"], made["selectionCount"], made["skillBucketIds"]) == (1, 7, [])
    assert (made["ownerUserId"], made["snapshot"]) == ("anna", {"status": "none"})
    assert datetime.fromisoformat(made["createdAt"]).tzinfo is not None and nothing_is_null(made)
    path = f"/workspaces/{made['id']}"
    changed = (await ask(hub, "PATCH", path, {"dependencies": ["git"], "description": ""}, http=anna))["workspace"]
    assert changed["dependencies"] == ["git"] and "description" not in changed
    assert changed["setupScript"] == "make deps"
    assert (await ask(hub, "GET", path, http=anna))["workspace"] == changed
    assert changed in (await ask(hub, "GET", "/workspaces", http=anna))["workspaces"]
    assert await ask(hub, "DELETE", path, http=anna) == {"ok": True}
    await ask(hub, "GET", path, http=anna, status=404)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "nothing in it"},
        {"name": "blank", "setupScript": " ", "systemPrompt": "\n"},
        {"setupScript": "no name"},
        {"name": "x", "dependencies": ["x" * 201]},
        {"name": "x", "repos": [{"url": f"https://x.test/{number}.git"} for number in range(21)]},
        {"name": "x", "repos": [{"url": 7}]},
        {"name": "x", "scope": "world", "setupScript": "y"},
        {"name": "x", "systemPromptMode": "prefix", "systemPrompt": "y"},
    ],
)
async def test_a_workspace_that_holds_nothing_or_too_much_is_refused(hub: Served, wrong: dict[str, Any]) -> None:
    await ask(hub, "POST", "/workspaces", wrong, status=400)


async def test_a_workspace_of_unknown_skills_or_buckets_is_refused(hub: Served) -> None:
    for picked in ({"savedSkillIds": ["sk_no"]}, {"skillBucketIds": ["bucket_no"]}):
        await ask(hub, "POST", "/workspaces", WORKSPACE | picked, status=404)


async def test_a_change_of_a_workspace_changes_something(hub: Served) -> None:
    made = (await ask(hub, "POST", "/workspaces", WORKSPACE))["workspace"]
    await ask(hub, "PATCH", f"/workspaces/{made['id']}", {}, status=400)
    emptied = (await ask(hub, "PATCH", f"/workspaces/{made['id']}", {"setupScript": ""}))["workspace"]
    assert emptied["selectionCount"] == 0 and "setupScript" not in emptied


async def test_a_workspace_of_the_organisation_is_used_by_all_and_changed_by_its_owner(
    hub: Served, anna: httpx.AsyncClient, bert: httpx.AsyncClient, dora: httpx.AsyncClient
) -> None:
    made = (await ask(hub, "POST", "/workspaces", WORKSPACE | {"scope": "org"}, http=anna))["workspace"]
    path = f"/workspaces/{made['id']}"
    assert (await ask(hub, "GET", path, http=bert))["workspace"] == made
    await ask(hub, "PATCH", path, {"name": "mine"}, http=bert, status=403)
    await ask(hub, "POST", f"{path}/snapshot/refresh", http=bert, status=403)
    await ask(hub, "DELETE", path, http=bert, status=403)
    await ask(hub, "GET", path, http=dora, status=404)
    private = (await ask(hub, "PATCH", path, {"scope": "user"}, http=anna))["workspace"]
    assert private["scope"] == "user"
    await ask(hub, "GET", path, http=bert, status=404)


async def test_a_snapshot_is_queued_and_then_ready_and_says_since_when(hub: Served) -> None:
    made = (await ask(hub, "POST", "/workspaces", WORKSPACE))["workspace"]
    path = f"/workspaces/{made['id']}"
    queued = (await ask(hub, "POST", f"{path}/snapshot/refresh"))["workspace"]["snapshot"]
    assert queued["status"] in ("queued", "building", "ready")
    with anyio.fail_after(10):
        while (found := (await ask(hub, "GET", path))["workspace"]["snapshot"])["status"] != "ready":
            pass
    assert found["snapshotId"] == found["buildId"] == queued["buildId"] and len(found["configHash"]) == 64
    times = [datetime.fromisoformat(found[name]) for name in ("requestedAt", "createdAt", "updatedAt")]
    assert times == sorted(times) and "error" not in found
    await ask(hub, "POST", "/workspaces/ws_no/snapshot/refresh", status=404)


async def test_dependencies_are_answered_in_their_envelope(hub: Served) -> None:
    told = await ask(hub, "POST", "/workspaces/dependencies/validate", {"dependencies": ["jq"]})
    assert told == {"success": True, "data": {"valid": ["jq"], "invalid": [], "checked": False}}
    await ask(hub, "POST", "/workspaces/dependencies/validate", {"dependencies": ["jq"] * 101}, status=400)


# --- custom agents ----------------------------------------------------------------------------------------------------


async def test_an_agent_is_drafted_published_changed_and_archived(hub: Served, anna: httpx.AsyncClient) -> None:
    skill = (await ask(hub, "POST", "/skills/library", SKILL | {"skillId": "v1", "content": "one"}, http=anna))["skill"]
    wanted = AGENT | {
        "slug": "life", "description": "d", "model": "m/x", "thinkingLevel": "high", "headlessCompatible": True,
        "tools": ["read", "bash"], "serviceTools": ["web_search"], "companionAgents": ["scout"],
    }  # fmt: skip
    draft = (await ask(hub, "POST", "/agents", wanted | {"savedSkillIds": [skill["id"]]}, http=anna, status=201))[
        "agent"
    ]
    assert {name: draft[name] for name in wanted} == wanted
    assert (draft["lifecycle"], draft["visibility"], draft["ownerUserId"]) == ("draft", "private_draft", "anna")
    assert (draft["hasPublishedVersion"], draft["hasUnpublishedChanges"]) == (False, False)
    assert draft["savedSkills"] == [{"skillId": "v1", "repo": SKILL["repo"], "name": "Review", "content": "one"}]
    assert "published" not in draft and "latestPublishedVersion" not in draft
    assert (await ask(hub, "GET", "/agents/life/versions", http=anna)) == {"versions": []}

    first = (await ask(hub, "POST", "/agents/life/publish", http=anna))["agent"]
    assert (first["lifecycle"], first["visibility"], first["latestPublishedVersion"]) == ("published", "org", 1)
    await ask(hub, "POST", "/skills/library", SKILL | {"skillId": "v1", "content": "two"}, http=anna)
    change = {"instructions": "More.", "description": None, "model": None, "thinkingLevel": None}
    changed = (await ask(hub, "PATCH", f"/agents/{draft['id']}", change, http=anna))["agent"]
    assert changed["hasUnpublishedChanges"] and changed["instructions"] == "More."
    assert not {"description", "model", "thinkingLevel"} & changed.keys()
    assert changed["published"] == first["published"] and changed["published"]["instructions"] == "Criticise."
    assert changed["published"]["savedSkills"][0]["content"] == "one"
    assert changed["draft"]["savedSkills"][0]["content"] == "two" and nothing_is_null(changed)

    second = (await ask(hub, "POST", "/agents/life/publish", http=anna))["agent"]
    assert second["latestPublishedVersion"] == 2 and not second["hasUnpublishedChanges"]
    versions = (await ask(hub, "GET", "/agents/life/versions", http=anna))["versions"]
    assert versions == [second["published"], first["published"]]
    assert [(each["version"], each["agentId"], each["createdByUserId"]) for each in versions] == [
        (2, draft["id"], "anna"), (1, draft["id"], "anna"),
    ]  # fmt: skip

    for _ in range(2):
        archived = (await ask(hub, "POST", "/agents/life/archive", http=anna))["agent"]
        assert archived["lifecycle"] == "archived"
    shown = [each["slug"] for each in (await ask(hub, "GET", "/agents", http=anna))["agents"]]
    everything = (await ask(hub, "GET", "/agents", http=anna, includeArchived="true"))["agents"]
    assert "life" not in shown and "life" in [each["slug"] for each in everything]


async def test_others_see_what_is_published_and_never_the_draft(
    hub: Served, anna: httpx.AsyncClient, bert: httpx.AsyncClient, dora: httpx.AsyncClient
) -> None:
    await ask(hub, "POST", "/agents", AGENT, http=anna)
    await ask(hub, "GET", "/agents/critic", http=bert, status=404)
    await ask(hub, "POST", "/agents/critic/publish", http=anna)
    await ask(hub, "PATCH", "/agents/critic", {"instructions": "secret"}, http=anna)
    seen = (await ask(hub, "GET", "/agents/critic", http=bert))["agent"]
    assert seen["instructions"] == "Criticise." and "draft" not in seen
    await ask(hub, "PATCH", "/agents/critic", {"instructions": "mine"}, http=bert, status=403)
    await ask(hub, "POST", "/agents/critic/publish", http=bert, status=403)
    await ask(hub, "GET", "/agents/critic", http=dora, status=404)


async def test_a_slug_is_taken_once_in_an_organisation_and_stays_once_published(
    hub: Served, anna: httpx.AsyncClient, bert: httpx.AsyncClient, dora: httpx.AsyncClient
) -> None:
    await ask(hub, "POST", "/agents", AGENT | {"slug": "once"}, http=anna)
    await ask(hub, "POST", "/agents", AGENT | {"slug": "once"}, http=bert, status=409)
    await ask(hub, "POST", "/agents", AGENT | {"slug": "once"}, http=dora, status=201)
    renamed = (await ask(hub, "PATCH", "/agents/once", {"slug": "twice"}, http=anna))["agent"]
    assert renamed["slug"] == "twice"
    await ask(hub, "POST", "/agents/twice/publish", http=anna)
    await ask(hub, "PATCH", "/agents/twice", {"slug": "thrice"}, http=anna, status=400)


@pytest.mark.parametrize(
    "wrong",
    [{"slug": "No Spaces"}, {"slug": "-a"}, {"slug": "a" * 65}, {"displayName": " "}, {"instructions": ""},
     {"tools": ["format_disk"]}, {"thinkingLevel": "extreme"}],
)  # fmt: skip
async def test_an_agent_of_the_wrong_shape_is_refused(hub: Served, wrong: dict[str, Any]) -> None:
    await ask(hub, "POST", "/agents", AGENT | wrong, status=400)


# --- users ------------------------------------------------------------------------------------------------------------


async def test_users_are_those_of_the_callers_organisation(
    hub: Served, anna: httpx.AsyncClient, bert: httpx.AsyncClient
) -> None:
    told = await ask(hub, "GET", "/users", http=anna)
    assert [user["userId"] for user in told["users"]] == ["anna", "bert"] and told["total"] == 2
    assert {"userId", "displayName", "email", "provider", "lastLoginAt", "lastSeenAt", "createdAt"} == told["users"][
        0
    ].keys()
    found = await ask(hub, "GET", "/users", http=bert, search="ANN")
    assert [user["displayName"] for user in found["users"]] == ["anna"]
    page = await ask(hub, "GET", "/users", http=bert, limit=1, offset=1)
    assert ([user["userId"] for user in page["users"]], page["total"]) == (["bert"], 2)
