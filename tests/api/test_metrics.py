"""What Prometheus is told: a text that it reads, numbers that are true, and nothing about one session."""

import re
from pathlib import Path

import anyio
import httpx
import pytest
from msgspec import UNSET

from roost.core.decisions import HUB
from roost.model.keys import AddKey
from roost.testing import hub_process
from tests.api.served import Served
from tests.api.test_socket import asked, joined
from tests.api.test_streams import opened, speak, stream

pytestmark = pytest.mark.anyio

SAMPLE = re.compile(r"(?P<name>[a-z_]+)(?P<labels>\{[a-z]+=\"[^\"\\]*\"\})? (?P<value>[0-9.e+-]+)")


def read(text: str) -> dict[str, float]:
    """Every sample by its name and labels. Each belongs to the metric that is described just before it."""
    found: dict[str, float] = {}
    metric = ""
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            metric = line.split()[2]
            assert line.split()[3] in ("gauge", "counter", "histogram")
        elif not line.startswith("# HELP "):
            sample = SAMPLE.fullmatch(line)
            assert sample is not None, line
            assert sample["name"].startswith(metric), line
            assert sample["name"] + (sample["labels"] or "") not in found
            found[sample["name"] + (sample["labels"] or "")] = float(sample["value"])
    return found


async def taken(api: Served) -> dict[str, float]:
    answer = await api.http.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(answer.text)


async def test_the_numbers_are_those_of_the_hub(api: Served) -> None:
    before = await taken(api)
    assert before['roost_sessions{phase="active"}'] == 0
    session = await opened(api)
    await api.create(label="waits")
    await speak(api, session, "a", "b")
    async with stream(api, f"/v1/sessions/{session.id}/events"), stream(api, "/v1/feed"), joined(api, session.id) as it:
        await asked(it, "pong", type="ping")
        now = await taken(api)
    assert now['roost_sessions{phase="active"}'] == 1
    assert now['roost_sessions{phase="creating"}'] == 1
    assert now['roost_sessions{phase="archived"}'] == 0
    assert now["roost_runs_open"] == 1
    assert session.record_now.run is not UNSET
    assert now["roost_links"] == 1
    assert now['roost_streams{kind="sse"}'] == 2
    assert now['roost_streams{kind="socket"}'] == 1
    assert now["roost_events_appended_total"] == session.seq + 2
    assert now["roost_commits_total"] > before["roost_commits_total"]
    assert now["roost_feed_pos"] == await api.hub.feed.head()
    assert now["process_resident_memory_bytes"] > 1024 * 1024
    assert now["process_cpu_seconds_total"] >= before["process_cpu_seconds_total"] > 0


async def test_the_histogram_adds_up(api: Served) -> None:
    await opened(api)
    now = await taken(api)
    buckets = [value for name, value in now.items() if name.startswith("roost_append_seconds_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == now["roost_append_seconds_count"] == now["roost_commits_total"] > 0
    assert now["roost_append_seconds_sum"] > 0


async def test_no_number_is_about_one_session_or_one_person(api: Served) -> None:
    session = await api.live(task="a secret task", label="my label", tags=["my-tag"])
    text = (await api.http.get("/metrics")).text
    for word in (session.id, "secret", "my label", "my-tag", "owner", api.key):
        assert word not in text


async def test_any_key_of_no_organisation_may_read_them(api: Served) -> None:
    watcher = await api.hub.keys.add(AddKey(user="prometheus", scope="observer"), HUB)
    member = await api.hub.keys.add(AddKey(user="somebody", org="acme", scope="admin"), HUB)
    for secret, status in ((watcher.secret, 200), (member.secret, 403), ("agc_wrong", 401)):
        async with api.client(Authorization=f"Bearer {secret}") as http:
            assert (await http.get("/metrics")).status_code == status
    async with api.client() as http:
        assert (await http.get(f"/metrics?key={api.key}")).status_code == 401
    assert (await api.http.post("/metrics")).status_code == 405


async def test_a_hub_on_a_disk_says_the_same(tmp_path: Path) -> None:
    with anyio.fail_after(40):
        async with hub_process(tmp_path / "data") as hub, hub.client() as client:
            session = await client.create_session(task="say hello")
            assert [event async for event in session.events(until="run-complete")]
            key = (hub.data / "api_key").read_text().strip()
            async with httpx.AsyncClient(base_url=hub.url, headers={"x-roost-key": key}, trust_env=False) as http:
                now = read((await http.get("/metrics")).text)
            assert now["roost_links"] == 1
            assert now["roost_runs_open"] == 0
            assert now["roost_events_appended_total"] >= (await session.info()).seq
