"""Every form in which a published client sends a key, and what it reads when something is wrong."""

import re
from typing import Any

import httpx
import pytest

from roost.api.coder.envelope import CODES, envelope
from roost.api.coder.sessions import MAX_SEARCH_CHARS
from roost.api.problems import STATUS
from roost.core.decisions import HUB
from roost.model import errors
from roost.model.commands import MAX_LABEL_CHARS, MAX_TAGS
from roost.model.errors import RoostError
from roost.model.keys import AddKey
from tests.api.coder.asking import JSON, ask, create
from tests.api.served import Served

pytestmark = pytest.mark.anyio


def refusal(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """What the published client makes an error of: text in `error` and `message`, an object in `details`."""
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert (answer.status_code, told["code"], told["success"]) == (status, code, False), told
    assert told["error"] and told["error"] == told["message"]
    assert isinstance(told["details"], dict)
    return told


async def test_every_form_of_a_key_is_good(hub: Served) -> None:
    key = hub.key
    forms = [
        {"Authorization": f"Bearer {key}"},
        {"authorization": f"bearer {key}"},
        {"x-agentuity-auth-api-key": key},
        {"x-agentuity-auth-api-key": key, "x-agentuity-orgid": "org_unheard_of"},
        {"x-roost-key": key},
    ]
    for headers in forms:
        async with hub.client(**headers) as http:
            assert (await http.get("/api/hub/sessions?orgId=org_unheard_of")).status_code == 200


async def test_no_key_or_a_wrong_one_is_refused_on_every_path(hub: Served) -> None:
    for headers in ({}, {"Authorization": "Bearer agc_wrong"}, {"Authorization": f"Basic {hub.key}"}):
        async with hub.client(**headers) as http:
            for path in ("/api/hub/sessions", "/api/hub/init", "/api/hub/session/x/replay", "/api/nowhere", "/coder"):
                refusal(await http.get(path, params={"api_key": hub.key}), 401, "unauthorized")


async def test_what_has_no_route_says_so_whoever_asks(hub: Served) -> None:
    refusal(await hub.http.get("/api/hub/nowhere"), 404, "route_not_found")
    answer = await hub.http.put("/api/hub/sessions", headers=JSON)
    refusal(answer, 405, "CODER_INVALID_REQUEST")
    assert answer.headers["allow"] == "GET"


def test_every_error_is_told_with_the_status_it_has_elsewhere() -> None:
    for code, kind in errors.ERRORS.items():
        status, headers, body = envelope(kind())
        told = httpx.Response(status, headers=[(n, v) for n, v in headers], content=body)
        expected = CODES.get(code, "CODER_INVALID_REQUEST" if issubclass(kind, errors.InvalidRequest) else code)
        assert refusal(told, STATUS[code], expected)["details"]["code"] == code
    assert CODES.keys() <= errors.ERRORS.keys()


def test_an_error_without_words_still_has_some() -> None:
    _, _, body = envelope(RoostError(""))
    assert refusal(httpx.Response(500, headers={"content-type": "application/json"}, content=body), 500, "internal")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "body"),
        (b"{", "truncated"),
        (b"\xff", "malformed"),
        (b"null", "null"),
        (b"[]", "array"),
        (b"{}", "task"),
        (b'{"task": 7}', "$.task"),
        (b'{"task": "  "}', "empty"),
        (b'{"task": "x", "visibility": "public"}', "$.visibility"),
        (b'{"task": "x", "workflowMode": "spiral"}', "$.workflowMode"),
        (b'{"task": "x", "loop": {"maxIterations": "many"}}', "$.loop.maxIterations"),
        (b'{"task": "x", "tags": "one"}', "$.tags"),
        (b'{"task": "x", "env": {"A": 1}}', "$.env"),
        (b'{"task": "x", "env": {"A=B": "1"}}', "env"),
        (b'{"task": "x", "timeout": {"idle": "soon"}}', "soon"),
        (b'{"task": "x", "files": [{"path": "a", "content": "not base64!"}]}', "$.files[0].content"),
        (b'{"task": "x", "skills": [{"skillId": "s"}]}', "repo"),
        (b'{"task": "x", "repo": {"url": 5}}', "repo"),
        (b'{"task": "x", "repo": {"branch": "main"}}', "repo"),
        (b'{"task": "x", "label": "%s"}' % (b"l" * (MAX_LABEL_CHARS + 1)), "label"),
        (b'{"task": "x", "tags": [%s]}' % b",".join([b'"t"'] * (MAX_TAGS + 1)), "tags"),
        (b"[" * 200 + b"]" * 200, "deep"),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_by_field(hub: Served, body: bytes, named: str) -> None:
    before = (await ask(hub, "GET", "/sessions"))["total"]
    told = refusal(await hub.http.post("/api/hub/session", content=body, headers=JSON), 400, "CODER_INVALID_REQUEST")
    assert named in told["error"]
    assert (await ask(hub, "GET", "/sessions"))["total"] == before


@pytest.mark.parametrize("query", ["limit=many", "limit=-1", "offset=-1", "includeArchived=perhaps"])
async def test_a_wrong_parameter_is_refused(hub: Served, query: str) -> None:
    refusal(await hub.http.get(f"/api/hub/sessions?{query}"), 400, "CODER_INVALID_REQUEST")


async def test_a_wrong_parameter_is_named_as_it_was_sent(hub: Served) -> None:
    told = refusal(await hub.http.get("/api/hub/sessions?includeArchived=maybe"), 400, "CODER_INVALID_REQUEST")
    assert told["error"].startswith("includeArchived: ")


async def test_a_parameter_that_is_missing_is_named(hub: Served) -> None:
    told = refusal(await hub.http.get("/api/hub/github/repos"), 400, "CODER_INVALID_REQUEST")
    assert "accountId" in told["error"]


async def test_a_search_is_as_long_as_it_may_be_and_no_longer(hub: Served) -> None:
    assert (await ask(hub, "GET", "/sessions", search="x" * MAX_SEARCH_CHARS))["total"] == 0
    await ask(hub, "GET", "/sessions", search="x" * (MAX_SEARCH_CHARS + 1), status=400)


async def test_a_private_session_of_somebody_else_is_not_there(hub: Served) -> None:
    made = await create(hub)
    other = (await hub.hub.keys.add(AddKey(user="cleo"), HUB)).secret
    async with hub.client(Authorization=f"Bearer {other}") as http:
        for method, path in (("GET", ""), ("GET", "/replay"), ("PATCH", ""), ("DELETE", ""), ("POST", "/archive")):
            answer = await http.request(method, f"/api/hub/session/{made['sessionId']}{path}", headers=JSON)
            refusal(answer, 404, "CODER_SESSION_NOT_FOUND")
        assert made["sessionId"] not in (await http.get("/api/hub/sessions")).text


async def test_discovery_says_where_whoever_asks_has_found_the_hub(hub: Served) -> None:
    assert (await hub.http.get("/coder")).json() == {"url": hub.url}
    secure = await hub.http.get("/coder", headers={"x-forwarded-proto": "https"})
    assert secure.json() == {"url": hub.url.replace("http://", "https://")}
    strange = await hub.http.get("/coder", headers={"x-forwarded-proto": "gopher"})
    assert strange.json() == {"url": hub.url}


async def test_init_is_what_a_probe_wants_of_a_hub(hub: Served) -> None:
    assert await ask(hub, "GET", "/init") == {"type": "init", "role": "lead", "tools": [], "agents": [], "commands": []}
    told = await ask(hub, "GET", "/init", agent="scout")
    assert (told["role"], told["agentRole"]) == ("sub_agent", "scout")


async def test_init_offers_the_custom_agents_that_were_published(hub: Served) -> None:
    for slug, more in (("scout", {"model": "acme/large", "thinkingLevel": "low", "tools": ["read"]}), ("draft", {})):
        body = {"slug": slug, "displayName": slug.title(), "instructions": "Look around."} | more
        await ask(hub, "POST", "/agents", body)
    await ask(hub, "POST", "/agents/scout/publish")
    assert (await ask(hub, "GET", "/init"))["agents"] == [
        {
            "name": "scout", "displayName": "Scout", "description": "", "systemPrompt": "Look around.",
            "model": "acme/large", "thinkingLevel": "low", "tools": ["read"], "source": "custom",
        }
    ]  # fmt: skip


async def test_the_hubs_skills_are_files_that_stay_in_their_folder(hub: Served) -> None:
    for name, content in (("review", "# Review"), ("../../etc/x", "# Out"), ("no-text", "")):
        body = {"repo": "acme/skills", "skillId": name, "name": name} | ({"content": content} if content else {})
        await ask(hub, "POST", "/skills/library", body)
    told = await ask(hub, "GET", "/skills")
    assert (told["ok"], told["count"]) == (True, 2)
    first = {skill["path"]: skill["content"] for skill in told["skills"]}
    other = {"repo": "other/skills", "skillId": "review", "name": "review", "content": "# Another"}
    await ask(hub, "POST", "/skills/library", other)
    files = {skill["content"]: skill["path"] for skill in (await ask(hub, "GET", "/skills"))["skills"]}
    assert len(set(files.values())) == 3, "two of one name lie beside each other"
    assert all(
        re.fullmatch(r"\.agents/skills/review-[0-9a-f]{8}/SKILL.md", files[c]) for c in ("# Review", "# Another")
    )
    assert first == {
        ".agents/skills/review/SKILL.md": "# Review", ".agents/skills/----etc-x/SKILL.md": "# Out",
    }  # fmt: skip
