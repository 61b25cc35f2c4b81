"""The library through the published client: saved workspaces, custom agents, skills, buckets, users, GitHub."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from roost.model.library import PROPOSAL_MIME
from tests.behaviour.conftest import script
from tests.interop.coder.polling import idle, once
from tests.interop.coder.published import Json, Published, Raised

AGENT = {
    "slug": "critic", "displayName": "Critic", "instructions": "Criticise.", "description": "says what is wrong",
    "model": "acme/large", "thinkingLevel": "high", "tools": ["read", "bash"], "headlessCompatible": True,
}  # fmt: skip


async def refused(sdk: Published, status: int, method: str, *args: Any) -> str:
    """What the client raises for this answer."""
    with pytest.raises(Raised) as error:
        await sdk.call(method, *args)
    assert (error.value.name, error.value.fields["status"]) == ("APIErrorResponse", status)
    return error.value.fields["message"]


def part_of(whole: Mapping[str, Any], wanted: Mapping[str, Any]) -> Json:
    return {name: whole.get(name) for name in wanted}


async def skill_of(sdk: Published, name: str) -> Json:
    body = {"repo": "acme/skills", "skillId": name, "name": name.title(), "content": f"# {name}\n"}
    return await sdk.call("saveSkill", body)


async def test_skills_are_saved_grouped_given_to_sessions_and_deleted(sdk: Published) -> None:
    saved = await skill_of(sdk, "review")
    custom = await sdk.call("createCustomSkill", {"skillId": "own", "name": "Own", "content": "# Own\n"})
    assert (saved["source"], custom["source"], custom["repo"]) == ("registry", "custom", "custom")
    assert (await skill_of(sdk, "review"))["id"] == saved["id"]
    listed = (await sdk.call("listSavedSkills"))["skills"]
    assert {saved["id"], custom["id"]} <= {skill["id"] for skill in listed}
    body = {"name": "both", "description": "all of them", "savedSkillIds": [saved["id"], custom["id"]]}
    bucket = await sdk.call("createSkillBucket", body)
    assert (bucket["name"], bucket["skillCount"]) == ("both", 2)
    assert bucket["id"] in [each["id"] for each in (await sdk.call("listSkillBuckets"))["buckets"]]
    session = await sdk.session(savedSkillIds=[saved["id"]], skillBucketIds=[bucket["id"]])
    await sdk.call("deleteSavedSkill", saved["id"])
    await sdk.call("deleteSkillBucket", bucket["id"])
    given = (await sdk.call("getSession", session))["skills"]
    assert [(skill["skillId"], skill["content"]) for skill in given] == [("review", "# review\n"), ("own", "# Own\n")]
    for method, gone in (("deleteSavedSkill", saved["id"]), ("deleteSkillBucket", bucket["id"])):
        await refused(sdk, 404, method, gone)


async def test_a_workspace_is_saved_prepared_used_and_deleted(sdk: Published) -> None:
    body = {
        "name": "shop", "description": "the shop", "scope": "user", "setupScript": "echo ready > prepared",
        "systemPrompt": "Be brief.", "systemPromptMode": "append", "enabledAgents": ["scout"], "dependencies": ["git"],
    }  # fmt: skip
    made = await sdk.call("createWorkspace", body)
    assert part_of(made, body) == body and made["snapshot"]["status"] == "none"
    assert made["id"] in [each["id"] for each in (await sdk.call("listWorkspaces"))["workspaces"]]
    changed = await sdk.call("updateWorkspace", made["id"], {"name": "the shop", "dependencies": []})
    assert (changed["name"], changed.get("dependencies", [])) == ("the shop", [])
    queued = await sdk.call("refreshWorkspaceSnapshot", made["id"])
    assert queued["snapshot"]["status"] in ("queued", "building", "ready")
    await once(sdk, "getWorkspace", made["id"], so=lambda found: found["snapshot"]["status"] == "ready")
    session = await sdk.session(script({"bash": {"command": "cat prepared"}}, {"given": True}), workspaceId=made["id"])
    detail = await idle(sdk, session)
    told = str((await sdk.call("getReplay", session))["entries"])
    assert "ready\\n" in told and "Be brief." in told
    assert (detail["workspace"], detail["enabledAgents"]) == (
        {"id": made["id"], "name": "the shop", "scope": "user"}, ["scout"],
    )  # fmt: skip
    await sdk.call("deleteWorkspace", made["id"])
    await refused(sdk, 404, "getWorkspace", made["id"])
    judged = await sdk.call("validateWorkspaceDependencies", ["git", "jq"])
    assert sorted([*judged["valid"], *(each["package"] for each in judged["invalid"])]) == ["git", "jq"]


async def test_an_agent_is_drafted_published_used_changed_and_archived(sdk: Published) -> None:
    skill = await skill_of(sdk, "critique")
    draft = await sdk.call("createCustomAgent", AGENT | {"savedSkillIds": [skill["id"]]})
    assert part_of(draft, AGENT) == AGENT and (draft["lifecycle"], draft["visibility"]) == ("draft", "private_draft")
    assert "by this name" in await refused(sdk, 409, "createCustomAgent", AGENT)
    first = await sdk.call("publishCustomAgent", "critic")
    assert (first["lifecycle"], first["latestPublishedVersion"]) == ("published", 1)
    changed = await sdk.call("updateCustomAgent", draft["id"], {"instructions": "More.", "description": None})
    assert changed["hasUnpublishedChanges"] and "description" not in changed
    assert changed["published"]["instructions"] == "Criticise."
    session = await sdk.session(script({"given": True}), defaultAgent="critic")
    assert (await idle(sdk, session))["defaultAgent"] == "critic"
    told = str((await sdk.call("getReplay", session))["entries"])
    assert all(part in told for part in ("Criticise.", "acme/large", "read", "critique"))
    assert (await sdk.call("publishCustomAgent", "critic"))["latestPublishedVersion"] == 2
    versions = (await sdk.call("listCustomAgentVersions", "critic"))["versions"]
    assert [(each["version"], each["instructions"]) for each in versions] == [(2, "More."), (1, "Criticise.")]
    assert (await sdk.call("getCustomAgent", "critic"))["id"] == draft["id"]
    await sdk.call("archiveCustomAgent", "critic")
    shown = [each["slug"] for each in (await sdk.call("listCustomAgents"))["agents"]]
    everything = [each["slug"] for each in (await sdk.call("listCustomAgents", {"includeArchived": True}))["agents"]]
    assert "critic" not in shown and "critic" in everything
    await refused(sdk, 404, "getCustomAgent", "nobody")


def published(detail: Json) -> bool:
    return detail["builder"].get("lastAction", {}).get("kind") == "publish"


async def test_a_builder_session_proposes_drafts_and_publishes_an_agent(sdk: Published) -> None:
    persona = {"slug": "built", "display_name": "Built", "instructions": "Be strict."}
    steps = [
        {"artifact": {"key": action, "mime": PROPOSAL_MIME, "text": json.dumps({"action": action, "persona": persona})}}
        for action in ("create_draft", "publish")
    ]
    made = await sdk.call("createAgentBuilderSession", {"prompt": script(*steps), "label": "a builder"})
    told = await once(sdk, "getSession", made["sessionId"], so=published)
    builder = told["builder"]
    assert (builder["mode"], builder["lastAction"]["status"]) == ("new", "completed"), builder
    assert (builder["durable"]["draftAgentSlug"], builder["durable"]["lastPublishedVersion"]) == ("built", 1)
    assert builder["proposal"]["displayName"] == "Built"
    assert (await sdk.call("getCustomAgent", "built"))["lifecycle"] == "published"
    edits = await sdk.call("createAgentBuilderSession", {"targetAgentSlug": "built"})
    assert (await sdk.call("getSession", edits["sessionId"]))["builder"]["mode"] == "edit"
    await refused(sdk, 404, "createAgentBuilderSession", {"sourceSessionId": "codesess_000000000000"})


async def test_users_are_found_by_their_names(sdk: Published) -> None:
    everybody = await sdk.call("listUsers")
    assert "owner" in [user["userId"] for user in everybody["users"]]
    assert (await sdk.call("listUsers", {"search": "nobody like this"}))["users"] == []
    assert len((await sdk.call("listUsers", {"search": "OWNER", "limit": 1, "offset": 0}))["users"]) == 1


async def test_github_says_that_it_is_not_connected_until_it_is(sdk: Published) -> None:
    assert "GitHub" in await refused(sdk, 409, "listGitHubAccounts")


@pytest.mark.usefixtures("github")
async def test_accounts_and_repositories_of_github_are_listed(sdk: Published) -> None:
    accounts = await sdk.call("listGitHubAccounts")
    assert (accounts["connected"], accounts["username"]) == (True, "anna")
    acme = next(account for account in accounts["accounts"] if account["accountName"] == "acme")
    page = await sdk.call("listGitHubRepos", acme["accountId"])
    assert (page["totalCount"], page["repositories"][0]["fullName"]) == (250, "acme/repo-000")
