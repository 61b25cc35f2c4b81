"""The library over the Coder wire, with real folders and agents: saved workspaces are prepared once and begun with by
every session, custom agents are built, also if the hub is killed meanwhile."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from roost.host.preparing import MARK
from roost.model.library import PROPOSAL_MIME
from roost.processes import marked
from roost.testing import HubProcess
from tests.behaviour.conftest import comes_true, script
from tests.behaviour.test_changes import git

SHOW = {"bash": {"command": "cat deps/it file; git branch --show-current; git status --porcelain"}}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    (made / "file").write_text("one\n")
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "first")
    return made


class Coder:
    """The Coder wire of a hub, wherever it is now."""

    def __init__(self, hub: HubProcess) -> None:
        self._hub = hub
        key = (hub.data / "api_key").read_text().strip()
        self._http = httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=20, trust_env=False)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._http.request(method, f"{self._hub.url}/api/hub{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def snapshot(self, template: str, *wanted: str) -> Any:
        """When its status is one of these."""
        while True:
            found = (await self.ask("GET", f"/workspaces/{template}"))["workspace"]["snapshot"]
            if found["status"] in wanted:
                return found

    async def output_of(self, session: str) -> str:
        """What the first tool of the session printed."""
        while True:
            for entry in (await self.ask("GET", f"/session/{session}/replay"))["entries"]:
                if entry["type"] == "tool_result":
                    return entry["content"]

    async def action(self, session: str, kind: str) -> Any:
        """The last action of a builder, when it is of this kind. It has succeeded."""
        while True:
            last = (await self.ask("GET", f"/session/{session}"))["builder"].get("lastAction", {"kind": None})
            if last["kind"] == kind:
                assert last["status"] == "completed", last
                return last

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def coder(hub: HubProcess) -> AsyncIterator[Coder]:
    coder = Coder(hub)
    yield coder
    await coder.close()


async def test_sessions_begin_with_what_was_prepared_and_share_nothing(coder: Coder, repository: Path) -> None:
    wanted = {
        "name": "api", "repos": [{"url": str(repository)}], "setupScript": "mkdir deps; echo built > deps/it",
        "systemPrompt": "Be kind.",
    }  # fmt: skip
    template = (await coder.ask("POST", "/workspaces", wanted))["workspace"]["id"]
    assert (await coder.ask("POST", f"/workspaces/{template}/snapshot/refresh"))["workspace"]["snapshot"]["status"] in (
        "queued", "building", "ready",
    )  # fmt: skip
    ready = await coder.snapshot(template, "ready", "failed")
    assert ready["status"] == "ready" and ready["snapshotId"] == ready["buildId"], ready
    body = {"workspaceId": template, "task": script({"bash": {"command": "echo mine > deps/it"}}, SHOW)}
    first = (await coder.ask("POST", "/session", body))["sessionId"]
    await coder.output_of(first)
    second = (await coder.ask("POST", "/session", body | {"task": script(SHOW)}))["sessionId"]
    branch = f"roost/{second.removeprefix('codesess_')}"
    assert await coder.output_of(second) == f"built\none\n{branch}\n", "nothing of the first one, and no change"
    detail = await coder.ask("GET", f"/session/{second}")
    assert detail["workspace"] == {"id": template, "name": "api", "scope": "user"}
    assert detail["repos"] == [{"url": str(repository)}]


async def test_a_session_has_all_the_repositories_it_names(coder: Coder, repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(repository, other)
    show = {"bash": {"command": "cat file other/file; git -C other branch --show-current"}}
    repos = [{"url": str(repository)}, {"url": str(other)}]
    session = (await coder.ask("POST", "/session", {"repos": repos, "task": script(show)}))["sessionId"]
    assert await coder.output_of(session) == f"one\none\nroost/{session.removeprefix('codesess_')}\n"
    assert "diagnostics" not in await coder.ask("GET", f"/session/{session}")


async def test_a_build_whose_hub_is_killed_is_made_anew_by_the_next(
    coder: Coder, hub: HubProcess, tmp_path: Path
) -> None:
    begun, go_on = tmp_path / "begun", tmp_path / "go_on"
    wait = f"echo $$ >> {begun}; until [ -e {go_on} ]; do sleep 0.02; done; echo whole > it"
    template = (await coder.ask("POST", "/workspaces", {"name": "slow", "setupScript": wait}))["workspace"]["id"]
    await coder.ask("POST", f"/workspaces/{template}/snapshot/refresh")
    await comes_true(begun.exists)
    await hub.restart()
    await comes_true(lambda: len(begun.read_text().split()) == 2)
    first, _ = map(int, begun.read_text().split())
    assert first not in [build.pid for build in marked(MARK, lambda mark: mark.startswith(template))]
    go_on.touch()
    assert (await coder.snapshot(template, "ready", "failed"))["status"] == "ready"
    session = await coder.ask(
        "POST", "/session", {"workspaceId": template, "task": script({"bash": {"command": "ls"}})}
    )
    assert await coder.output_of(session["sessionId"]) == "it\n"


async def test_a_build_that_fails_says_what_was_printed(coder: Coder) -> None:
    wanted = {"name": "broken", "setupScript": "echo no compiler here; exit 7"}
    template = (await coder.ask("POST", "/workspaces", wanted))["workspace"]["id"]
    await coder.ask("POST", f"/workspaces/{template}/snapshot/refresh")
    failed = await coder.snapshot(template, "ready", "failed")
    assert (
        failed["status"] == "failed" and failed["error"] == "the setup script ended with exit code 7: no compiler here"
    )


async def test_an_agent_builds_a_custom_agent_also_if_its_hub_is_killed_meanwhile(
    coder: Coder, hub: HubProcess
) -> None:
    def proposing(action: str, **persona: str) -> str:
        text = json.dumps({"action": action, "persona": persona})
        return script({"artifact": {"key": "proposal", "mime": PROPOSAL_MIME, "text": text}})

    drafting = proposing("create_draft", slug="built", display_name="Built", instructions="Build.")
    session = (await coder.ask("POST", "/session/builder", {"prompt": drafting}))["sessionId"]
    assert (await coder.action(session, "create_draft"))["agentSlug"] == "built"
    await hub.restart()
    async with hub.client() as client:
        await client.session(session).start(proposing("publish"))
    assert (await coder.action(session, "publish"))["publishedVersion"] == 1
    assert (await coder.ask("GET", "/agents/built"))["agent"]["published"]["instructions"] == "Build."
