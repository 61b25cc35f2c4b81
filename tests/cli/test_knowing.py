"""Finding and knowing sessions, keys and people, through the real entry point."""

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from roost.cli import codes
from roost.client import AsyncClient, AsyncSession
from roost.testing import RunningHub
from tests.cli.conftest import Roost
from tests.cli.test_sessions import script, short, waiting_for

WORK = script(
    {"text": "I say"}, {"bash": {"command": "echo hello"}},
    {"todos": [{"id": "1", "content": "first thing", "status": "completed"}]},
)  # fmt: skip
Make = Callable[..., Awaitable[AsyncSession]]


@pytest.fixture
def make(client: AsyncClient, tmp_path: Path) -> Make:
    """A session whose first run is over, in a folder of this test."""

    async def made(label: str, task: str = "hello", **more: object) -> AsyncSession:
        folder = tmp_path / label
        folder.mkdir()
        session = await client.create_session(task=task, label=label, workspace=folder, **more)  # pyright: ignore[reportArgumentType]
        await waiting_for(session, "run-complete")
        return session

    return made


async def listed(roost: Roost, *options: str) -> set[str]:
    return {entry["label"] for entry in (await roost("ls", "--json", *options)).json["sessions"]}


async def test_ls_finds_by_words_tags_folder_status_and_owner(roost: Roost, make: Make, tmp_path: Path) -> None:
    one = await make("Straße one", tags=("red",), metadata={"ticket": "A%17"})
    await make("two", tags=("red", "blue"))
    here = ("--folder", str(tmp_path))
    assert await listed(roost, *here, "--search", "STRASSE") == {"Straße one"}
    assert await listed(roost, *here, "-s", "a%1") == {"Straße one"}
    assert await listed(roost, *here, "--tag", "red") == {"Straße one", "two"}
    assert await listed(roost, *here, "--tag", "red", "--tag", "blue") == {"two"}
    assert await listed(roost, "--folder", str(tmp_path / "two")) == {"two"}
    assert await listed(roost, *here, "--owner", "nobody") == set()
    await one.archive()
    assert await listed(roost, *here) == {"two"}
    assert await listed(roost, *here, "--status", "archived") == {"Straße one"}
    assert await listed(roost, *here, "--bucket", "history") == {"Straße one"}
    assert await listed(roost, *here, "--bucket", "history", "--bucket", "running") == {"Straße one", "two"}
    wrong = await roost("ls", "--bucket", "elsewhere", "--json")
    assert (wrong.code, wrong.error["code"]) == (codes.USAGE, "usage")
    counted = (await roost("ls", "--counts", "--json", *here)).json
    assert counted["total"] == 2
    assert counted["statuses"]["archived"] == 1
    assert "2 in all" in (await roost("ls", "--counts", *here)).out


async def test_ls_finds_by_time(roost: Roost, make: Make, tmp_path: Path) -> None:
    session = await make("now")
    here = ("--folder", str(tmp_path))
    for when in ("created", "updated"):
        for given, found in (("1h", {"now"}), ("2020-01-01", {"now"}), ("2100-01-01T00:00", set[str]())):
            assert await listed(roost, *here, f"--{when}-since", given) == found
            assert await listed(roost, *here, f"--{when}-before", given) == {"now"} - found
    for given in ("soon", "2026-13-01", "-1h"):
        told = await roost("ls", "--created-since", given, "--json")
        assert (told.code, told.error["code"]) == (codes.USAGE, "usage")
    await session.delete()


async def test_label_tag_and_hide_change_what_ls_shows(roost: Roost, make: Make, tmp_path: Path) -> None:
    name, here = short(await make("before")), ("--folder", str(tmp_path))
    assert (await roost("label", name, "after")).code == codes.OK
    assert await listed(roost, *here) == {"after"}
    assert (await roost("tag", name, "a", "b")).out == "a b\n"
    assert (await roost("tag", name, "c", "--remove", "a", "--json")).json["tags"] == ["b", "c"]
    assert (await roost("tag", name)).out == "b c\n"
    assert (await roost("hide", name)).code == codes.OK
    assert await listed(roost, *here) == set()
    assert await listed(roost, *here, "--all") == {"after"}
    await roost("hide", "--undo", name)
    assert await listed(roost, *here) == {"after"}


async def test_messages_runs_todos_and_metrics_say_what_happened(roost: Roost, make: Make) -> None:
    session = await make("worked", WORK)
    name = short(session)
    said = await roost("messages", name)
    assert "I say" in said.out
    assert "echo hello" in said.out
    lines = (await roost("messages", name, "--json")).lines
    assert [line["info"]["role"] for line in lines][:2] == ["user", "assistant"]
    one = (await roost("messages", name, "--message", lines[1]["info"]["id"], "--json")).json
    assert one == lines[1]
    (run,) = (await roost("runs", name, "--json")).lines
    assert run["status"] == "completed"
    assert run["run"] in (await roost("runs", name)).out
    events = (await roost("runs", name, run["run"])).lines
    assert (events[0]["body"]["type"], events[-1]["body"]["type"]) == ("run-start", "run-complete")
    assert {event["run"] for event in events} == {run["run"]}
    assert (await roost("runs", name, "run_nowhere", "--json")).error["code"] == "run_not_found"
    assert (await roost("todos", name)).out == "☑ first thing\n"
    assert (await roost("todos", name, "--json")).json["content"] == "first thing"
    metrics = (await roost("metrics", name, "--json")).json
    assert metrics["tool_calls"] == sum(metrics["tool_usage"].values()) == 1
    assert metrics["messages"] == len(lines)
    assert "tool calls  1" in (await roost("metrics", name)).out


async def test_logs_show_what_the_host_logged_and_no_secrets(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task="hello", env={"TOKEN": "hush-hush"})
    await waiting_for(session, "run-complete")
    done = await roost("logs", short(session))
    assert done.code == codes.OK
    assert "host " in done.err
    told = (await roost("logs", short(session), "--json", "--bytes", "10")).json
    assert told["host"]["linked"] is True
    assert len(told["log"].encode()) <= 10
    assert "hush-hush" not in done.out + json.dumps(told)


async def test_keys_are_added_rotated_and_revoked(roost: Roost, hub: RunningHub) -> None:
    made = await roost(
        "keys", "add", "anna", "--org", "acme", "--scope", "observer", "--label", "laptop", "--days", "3"
    )
    secret = made.out.strip()
    assert secret.startswith("agc_")
    listed = (await roost("keys", "--json")).lines
    (key,) = [entry for entry in listed if entry["user"] == "anna"]
    assert (key["org"], key["scope"], key["label"]) == ("acme", "observer", "laptop")
    assert secret not in (await roost("keys")).out
    assert "anna@acme" in (await roost("users")).out
    refused = await roost("run", "x", "--agent", "scripted", "--json", ROOST_API_KEY=secret, ROOST_URL=hub.url)
    assert refused.error["code"] == "forbidden"
    again = (await roost("keys", "rotate", key["id"])).out.strip()
    assert (await roost("ls", "--json", ROOST_API_KEY=secret, ROOST_URL=hub.url)).error["code"] == "unauthorized"
    assert (await roost("ls", "--json", ROOST_API_KEY=again, ROOST_URL=hub.url)).code == codes.OK
    assert (await roost("keys", "revoke", key["id"])).code == codes.OK
    assert (await roost("ls", "--json", ROOST_API_KEY=again, ROOST_URL=hub.url)).error["code"] == "unauthorized"
    assert (await roost("keys", "revoke", key["id"], "--json")).code == codes.NOT_FOUND
    assert (await roost("keys", "add")).code == codes.USAGE
    actions = [entry["action"] for entry in (await roost("audit", "--json")).lines]
    assert [action for action in actions if action.startswith("key-")] == ["key-added", "key-rotated", "key-revoked"]
    assert "key-added" in (await roost("audit")).out


async def test_logs_go_on_from_host_to_host_until_there_can_be_no_more(
    roost: Roost, hub: RunningHub, client: AsyncClient
) -> None:
    session = await client.create_session()
    await waiting_for(session, "runtime-ready")
    log = anyio.Path(hub.data / "logs" / f"{session.id}.log")
    await log.write_bytes(b"first\npart")
    command = [sys.executable, "-m", "roost", "logs", "-f", short(session)]
    async with await anyio.open_process(command, env=roost.environment(), cwd=roost.folder) as process:
        assert process.stdout is not None
        text = b""
        with anyio.fail_after(30):
            while text != b"first\n":
                text += await process.stdout.receive()
            await log.write_bytes(b"first\npart of a line\n")
            while not text.endswith(b"line\n"):
                text += await process.stdout.receive()
            await session.pause()
            resumed = await session.resume()
            async for _ in session.events(after=resumed.seq, until="runtime-ready"):
                pass
            await log.write_bytes(b"again, and longer than what was there before\n")
            while not text.endswith(b"before\n"):
                text += await process.stdout.receive()
            await session.archive()
            async for piece in process.stdout:
                text += piece
            assert await process.wait() == codes.OK
    lines = [line for line in text.splitlines() if b"roost.host" not in line]
    assert lines == [b"first", b"part of a line", b"again, and longer than what was there before"]


async def test_who_names_the_agent_and_whoever_watches(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(tags=["seen"], visibility="collaborate")
    await waiting_for(session, "runtime-ready")
    async with session.connect() as socket:
        async for participants in socket.presence():
            if len(participants) > 1:
                break
        lines = (await roost("who", short(session), "--json")).lines
        assert [(line["role"], line["via"]) for line in lines] == [("lead", "link"), ("controller", "socket")]
        shown = (await roost("who", short(session))).out.splitlines()
        assert [line.split()[:3] for line in shown] == [["scripted", "lead", "link"], ["owner", "controller", "socket"]]
    await session.pause()
    (alone,) = (await roost("who", short(session))).out.splitlines()
    assert alone.split() == ["scripted", "lead", "link", "away"]
    assert " left " in (await roost("who", short(session), "--left")).out
    told = (await roost("show", short(session))).out
    assert "seen by    all of the organisation, who may act in it\ntags       seen\n" in told


async def test_watch_says_first_who_needs_a_person(roost: Roost, client: AsyncClient) -> None:
    ask = script({"ask": {"permission": "bash", "patterns": ["make"]}}, {"text": "went on"})
    session = await client.create_session(task=ask, label="needs me")
    await waiting_for(session, "permission-asked")
    failed = await client.create_session(task=script({"fail": "over"}), label="came to grief")
    await waiting_for(failed, "run-error")
    told = await roost("watch", "--once")
    assert "needs me" in told.out
    assert "may it bash make" in told.out
    assert told.out.index("came to grief") > told.out.index("needs me")
    assert "blocked: run-error: " in told.out
    lines = (await roost("watch", "--once", "--json")).lines
    assert lines[0]["session"] == session.id
    assert failed.id in [line["session"] for line in lines]
    assert "came to grief" not in (await roost("watch", "--once", "--asks")).out
    blocked = await roost("ls", "--activity", "blocked", "--search", "came to grief")
    assert [line.split()[:2] for line in blocked.out.splitlines()[1:]] == [[short(failed), "error"]]
    assert "came to grief" not in (await roost("ls", "--activity", "waiting_input")).out
    await session.abort()


async def test_watch_goes_on_live(roost: Roost, client: AsyncClient) -> None:
    command = [sys.executable, "-m", "roost", "watch"]
    async with await anyio.open_process(command, env=roost.environment(), cwd=roost.folder) as process:
        assert process.stdout is not None
        text = b""
        with anyio.fail_after(30):
            while not (b"seen live" in text and b"is done" in text):
                made = await client.create_session(task="hello", label="seen live")  # until it watches
                await waiting_for(made, "run-complete")
                with anyio.move_on_after(0.5):
                    text += await process.stdout.receive()
        process.terminate()
