"""Who may see and do what: every pair of principals on every route, keys, revoking, the feed, the audit."""

import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from roost.api.rest import ROUTES, paths_of
from roost.core.decisions import HUB
from roost.core.session import Session
from roost.model.access import Scope, may_act, may_see
from roost.model.commands import Archive
from roost.model.events import Principal
from roost.model.keys import MAX_KEY_LABEL_CHARS, MAX_KEYS, MAX_NAME_CHARS, AddKey
from tests.api.served import Served, blocks

VISIBILITIES = ["private", "organization", "collaborate"]
WHO: dict[str, tuple[str, str, Scope]] = {
    "owner": ("anna", "acme", "controller"),
    "owner, observing": ("anna", "acme", "observer"),
    "owner, admin": ("anna", "acme", "admin"),
    "colleague": ("bert", "acme", "controller"),
    "colleague, observing": ("bert", "acme", "observer"),
    "colleague, admin": ("bert", "acme", "admin"),
    "stranger": ("cleo", "other", "controller"),
    "stranger, admin": ("cleo", "other", "admin"),
    "namesake": ("anna", "other", "controller"),
    "of no organisation": ("dora", "", "controller"),
    "hub's admin": ("owner", "", "admin"),
}
OF_SESSIONS = [(method, path) for method, path in map(paths_of, ROUTES) if "{session}" in path]
STREAMED = ("GET", "/v1/sessions/{session}/events")


async def key_for(api: Served, user: str, org: str, scope: Scope) -> str:
    return (await api.hub.keys.add(AddKey(user=user, org=org, scope=scope), HUB)).secret


@asynccontextmanager
async def everybody(api: Served) -> AsyncGenerator[dict[str, httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(api.client(Authorization=f"Bearer {await key_for(api, *who)}"))
            for name, who in WHO.items()
        }


async def annas(api: Served, http: httpx.AsyncClient, visibility: str) -> Session:
    """A session of anna's that nothing can be done with any more, so that no request has to wait for a host."""
    body = {"agent": "scripted", "visibility": visibility, "label": f"anna {visibility}"}
    answer = await http.post("/v1/sessions", json=body)
    session = await api.hub.find(answer.json()["session"], HUB)
    await session.handle(Archive(), HUB)
    return session


def expected(name: str, visibility: str, method: str, path: str) -> str | None:
    """The code of the refusal; None: it is let through."""
    user, org, scope = WHO[name]
    owner, by = Principal(user="anna", org="acme"), Principal(user=user, org=org) if org else Principal(user=user)
    if not may_see(visibility, owner, by):
        return "session_not_found"
    if method != "GET" and (scope == "observer" or not may_act(visibility, owner, by)):
        return "forbidden"
    if method == "DELETE" and path == "/v1/sessions/{session}" and user != "anna":
        return "forbidden"
    return None


async def asked(http: httpx.AsyncClient, method: str, path: str, *, stream: bool = False) -> str | None:
    """The code of the refusal, if it is one of those that say "not you"."""
    headers = {"Accept": "text/event-stream"} if stream else {"Content-Type": "application/json"}
    async with http.stream(method, path, headers=headers, content=None if method == "GET" else b"{") as response:
        if response.status_code not in (403, 404):
            return None
        await response.aread()
        code: str = response.json()["code"]
    return code if code in ("session_not_found", "forbidden") else None


@pytest.mark.parametrize("visibility", VISIBILITIES)
async def test_every_route_lets_through_whom_it_may_and_nobody_else(api: Served, visibility: str) -> None:
    async with everybody(api) as clients:
        session = await annas(api, clients["owner"], visibility)
        wrong: list[Any] = []
        for name, http in clients.items():
            for method, path in OF_SESSIONS:
                wanted = expected(name, visibility, method, path)
                if method == "DELETE" and wanted is None and path.endswith("{session}"):
                    continue  # it would be gone; who may delete has a test of its own
                filled = re.sub(r"\{\w+\}", "x", path.replace("{session}", session.id))
                told = await asked(http, method, filled)
                if told != wanted:
                    wrong.append((name, method, path, told, wanted))
            told = await asked(http, "GET", f"/v1/sessions/{session.id}/events", stream=True)
            if told != expected(name, visibility, *STREAMED):
                wrong.append((name, "stream", told))
        assert wrong == []


async def test_a_route_that_does_not_exist_says_so_to_everybody_alike(api: Served) -> None:
    async with everybody(api) as clients:
        session = await annas(api, clients["owner"], "private")
        for http in clients.values():
            for name in (session.id, "codesess_ffffffffffff"):
                answer = await http.get(f"/v1/sessions/{name}/nowhere")
                assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


async def test_lists_searches_and_counts_show_what_may_be_seen_with_totals_of_that(api: Served) -> None:
    async with everybody(api) as clients:
        for visibility in VISIBILITIES:
            await annas(api, clients["owner"], visibility)
        for name, http in clients.items():
            seen = [v for v in VISIBILITIES if expected(name, v, "GET", "") is None]
            for query in ({}, {"q": "ANNA "}, {"limit": 1}, {"bucket": "history"}):
                listed = (await http.get("/v1/sessions", params=query)).json()
                assert listed["total"] == len(seen), (name, query)
                assert len(listed["sessions"]) == min(len(seen), query.get("limit", 99))
            counted = (await http.get("/v1/sessions/counts")).json()
            assert counted["total"] == len(seen)
            assert counted["buckets"] == ({"history": len(seen)} if seen else {})


async def test_the_feed_leaves_out_what_may_not_be_seen_deletions_too_and_says_how_far_it_looked(api: Served) -> None:
    async with everybody(api) as clients:
        for visibility in ("private", "organization"):
            session = await annas(api, clients["owner"], visibility)
            done = await clients["owner"].delete(f"/v1/sessions/{session.id}")
            assert done.status_code == 200, done.text
        left = await annas(api, clients["owner"], "private")
        for name, http in clients.items():
            page = (await http.get("/v1/feed")).json()
            types = [(entry.get("fact") or entry["event"]["body"])["type"] for entry in page["entries"]]
            if name.startswith("owner"):
                assert types.count("session-deleted") == 2
                assert {entry["session"] for entry in page["entries"] if "event" in entry} == {left.id}
            else:
                assert types == (["session-deleted"] if name.startswith("colleague") else [])
            assert page["pos"] == page["head"]
            first = (await http.get("/v1/feed", params={"limit": 1})).json()
            assert 0 < first["pos"] < first["head"]
            rest = (await http.get("/v1/feed", params={"after": first["pos"]})).json()
            assert first["entries"] + rest["entries"] == page["entries"]


async def test_the_feed_stream_moves_its_cursor_past_what_is_left_out(api: Served) -> None:
    async with everybody(api) as clients:
        await annas(api, clients["owner"], "private")
        head = await api.hub.feed.head()
        async with clients["stranger"].stream("GET", "/v1/feed", headers={"Accept": "text/event-stream"}) as response:
            async for block in blocks(response):
                if "id" in block:
                    assert block == {"id": str(head)}
                    break


async def test_only_its_owner_deletes_a_session_or_changes_who_sees_it(api: Served) -> None:
    async with everybody(api) as clients:
        session = await annas(api, clients["owner"], "collaborate")
        path = f"/v1/sessions/{session.id}"
        colleague = clients["colleague"]
        assert (await colleague.patch(path, json={"label": "ours"})).status_code == 200
        for answer in (await colleague.patch(path, json={"visibility": "private"}), await colleague.delete(path)):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert (await clients["owner, admin"].patch(path, json={"visibility": "private"})).status_code == 200
        assert (await colleague.get(path)).status_code == 404
        assert (await clients["owner"].delete(path)).status_code == 200


async def test_a_session_made_private_ends_the_streams_of_others_and_no_more(api: Served) -> None:
    async with everybody(api) as clients:
        session = await annas(api, clients["owner"], "organization")
        path = f"/v1/sessions/{session.id}"
        headers = {"Accept": "text/event-stream"}
        async with clients["owner"].stream("GET", f"{path}/events", headers=headers) as own:
            async with clients["colleague"].stream("GET", f"{path}/events", headers=headers) as theirs:
                seen = blocks(theirs)
                await anext(seen)
                await clients["owner"].patch(path, json={"visibility": "private"})
                assert [block async for block in seen][-1] != {}
            lasts = [block async for block in _until(own, str(session.seq))]
            assert lasts[-1]["event"] == "session-updated"


async def _until(response: httpx.Response, last: str) -> AsyncGenerator[dict[str, str]]:
    async for block in blocks(response):
        yield block
        if block.get("id") == last:
            return


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_a_key_is_made_listed_rotated_and_revoked_and_its_text_is_shown_once(api: Served) -> None:
    made = (await api.http.post("/v1/keys", json={"user": "anna", "scope": "observer", "label": "laptop"})).json()
    secret, key = made["secret"], made["key"]["id"]
    listed = await api.http.get("/v1/keys")
    assert [(entry["user"], entry["scope"], entry.get("own", False)) for entry in listed.json()["keys"]] == [
        ("owner", "admin", True), ("anna", "observer", False),
    ]  # fmt: skip
    assert secret not in listed.text
    assert "hash" not in listed.text
    async with api.client(Authorization=f"Bearer {secret}") as anna:
        assert (await anna.get("/v1/agents")).status_code == 200
        assert (await anna.post("/v1/sessions", json={"agent": "scripted"})).json()["code"] == "forbidden"
        again = (await api.http.post(f"/v1/keys/{key}/rotate")).json()
        assert (again["key"]["id"], again["secret"] == secret) == (key, False)
        assert (await anna.get("/v1/agents")).status_code == 401
    async with api.client(Authorization=f"Bearer {again['secret']}") as anna:
        assert (await anna.get("/v1/agents")).status_code == 200
        assert (await api.http.delete(f"/v1/keys/{key}")).json()["revoked_at"] > 0
        assert (await anna.get("/v1/agents")).status_code == 401
    assert (await api.http.delete(f"/v1/keys/{key}")).json()["code"] == "key_not_found"
    assert (await api.http.post(f"/v1/keys/{key}/rotate")).status_code == 404


async def test_rotating_the_key_of_the_data_folder_keeps_its_file_good(api: Served) -> None:
    (own,) = (await api.http.get("/v1/keys")).json()["keys"]
    secret = (await api.http.post(f"/v1/keys/{own['id']}/rotate")).json()["secret"]
    assert (await api.http.get("/v1/keys")).status_code == 401
    file = anyio.Path(api.hub.settings.data) / "api_key"
    assert (await file.read_text()).strip() == secret


async def test_revoking_a_key_ends_its_streams_and_no_others(api: Served) -> None:
    session = await api.create(visibility="organization")
    made = await api.hub.keys.add(AddKey(user="anna"), HUB)
    headers = {"Accept": "text/event-stream"}
    path = f"/v1/sessions/{session.id}/events"
    async with (
        api.client(Authorization=f"Bearer {made.secret}") as anna,
        anna.stream("GET", path, headers=headers) as r,
        anna.stream("GET", "/v1/feed", headers=headers) as feed,
        api.http.stream("GET", path, headers=headers),
    ):
        here = (await api.http.get(f"/v1/sessions/{session.id}/participants")).json()["participants"]
        assert [(each["role"], each["user"]) for each in here] == [
            ("lead", "scripted"), ("observer", "anna"), ("controller", "owner"),
        ]  # fmt: skip
        await api.http.delete(f"/v1/keys/{made.key.id}")
        assert [block async for block in blocks(r)] != []
        assert [block async for block in blocks(feed)] != []
        path = f"/v1/sessions/{session.id}/participants"
        here = (await api.http.get(path)).json()["participants"]
        assert [each["user"] for each in here] == ["scripted", "owner"]
        all_of_them = (await api.http.get(path, params={"disconnected": True})).json()["participants"]
        left = [each for each in all_of_them if not each.get("connected", True) and each["role"] != "lead"]
        assert [(each["user"], each["left"] >= each["since"]) for each in left] == [("anna", True)]


async def test_a_key_that_has_expired_is_good_no_more_and_its_streams_end(api: Served) -> None:
    soon = api.hub._clock.now_ms() + 700
    made = await api.hub.keys.add(AddKey(user="anna", expires_at=soon), HUB)
    async with api.client(Authorization=f"Bearer {made.secret}") as anna:
        async with anna.stream("GET", "/v1/feed", headers={"Accept": "text/event-stream"}) as feed:
            assert feed.status_code == 200
            assert [block async for block in blocks(feed)] != []
        assert (await anna.get("/v1/agents")).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"user": "u" * MAX_NAME_CHARS}, 201), ({"user": "u" * (MAX_NAME_CHARS + 1)}, 400), ({"user": ""}, 400),
        ({"user": " u"}, 400), ({"user": "u\n"}, 400), ({"user": "u", "org": "o" * (MAX_NAME_CHARS + 1)}, 400),
        ({"user": "u", "label": "l" * MAX_KEY_LABEL_CHARS}, 201), ({"user": "u", "expires_at": 1}, 400),
        ({"user": "u", "label": "l" * (MAX_KEY_LABEL_CHARS + 1)}, 400), ({"user": "u", "scope": "god"}, 400),
    ],
)  # fmt: skip
async def test_a_key_has_a_user_a_scope_and_limits(api: Served, body: dict[str, Any], status: int) -> None:
    assert (await api.http.post("/v1/keys", json=body)).status_code == status


async def test_a_hub_holds_so_many_keys_and_revoked_ones_do_not_count(api: Served) -> None:
    made = [await api.hub.keys.add(AddKey(user="u"), HUB) for _ in range(MAX_KEYS - 1)]
    assert (await api.http.post("/v1/keys", json={"user": "u"})).json()["code"] == "too_many_keys"
    await api.hub.keys.revoke(made[0].key.id, HUB)
    assert (await api.http.post("/v1/keys", json={"user": "u"})).status_code == 201


async def test_an_admin_handles_the_keys_of_its_organisation_and_the_hubs_admin_all(api: Served) -> None:
    async with everybody(api) as clients:
        keys = {(k["user"], k.get("org", "")): k["id"] for k in (await api.http.get("/v1/keys")).json()["keys"]}
        for name in ("owner", "owner, observing", "colleague", "of no organisation"):
            for method, path in [("GET", "/v1/keys"), ("GET", "/v1/users"), ("GET", "/v1/audit")]:
                assert (await clients[name].request(method, path)).json()["code"] == "forbidden", (name, path)
            assert (await clients[name].post("/v1/keys", json={"user": "x"})).json()["code"] == "forbidden"
            assert (await clients[name].post("/v1/shutdown")).json()["code"] == "forbidden"
        admin = clients["stranger, admin"]
        assert {k["org"] for k in (await admin.get("/v1/keys")).json()["keys"]} == {"other"}
        assert {(u["user"], u["scope"]) for u in (await admin.get("/v1/users")).json()["users"]} == {
            ("anna", "controller"), ("cleo", "admin"),
        }  # fmt: skip
        assert (await admin.post("/v1/keys", json={"user": "x"})).json()["key"]["org"] == "other"
        assert (await admin.post("/v1/keys", json={"user": "x", "org": "acme"})).json()["code"] == "forbidden"
        assert (await admin.post("/v1/keys", json={"user": "x", "org": ""})).json()["code"] == "forbidden"
        assert (await admin.delete(f"/v1/keys/{keys['bert', 'acme']}")).json()["code"] == "key_not_found"
        assert (await admin.post("/v1/shutdown")).json()["code"] == "forbidden"
        assert (await clients["hub's admin"].delete(f"/v1/keys/{keys['bert', 'acme']}")).status_code == 200


async def test_the_audit_says_who_did_what_to_admins_of_the_same_organisation(api: Served) -> None:
    async with everybody(api) as clients:
        session = await annas(api, clients["owner"], "private")
        await clients["owner, admin"].post("/v1/keys", json={"user": "new"})
        await clients["owner"].delete(f"/v1/sessions/{session.id}")
        for name, total in (("colleague, admin", 2), ("stranger, admin", 0)):
            page = (await clients[name].get("/v1/audit")).json()
            assert len(page["entries"]) == total
        page = (await clients["hub's admin"].get("/v1/audit")).json()
        done = [(entry["action"], entry["by"]["user"]) for entry in page["entries"]]
        assert done == [("key-added", "anna"), ("session-deleted", "anna")]
        assert page["entries"][0]["details"]["user"] == "new"
        assert "secret" not in str(page)
