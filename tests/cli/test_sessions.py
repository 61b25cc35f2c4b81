"""Every command on sessions, through the real entry point, against a real hub."""

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from roost.cli import codes
from roost.client import AsyncClient, AsyncSession
from roost.testing import RunningHub
from tests.cli.conftest import Roost


def script(*steps: dict[str, object]) -> str:
    return "script: " + json.dumps(steps)


SLOW = script({"deltas": {"count": 2000, "bytes": 10, "per_second": 20}})
ASK = script({"ask": {"permission": "bash", "patterns": ["make"]}}, {"text": "went on"})


async def waiting_for(session: AsyncSession, kind: str) -> None:
    with anyio.fail_after(20):
        async for _ in session.events(until=kind):
            pass


def short(session: AsyncSession) -> str:
    return session.id.removeprefix("codesess_")


# --- run and send -----------------------------------------------------------------------------------------------------


async def test_run_shows_what_happens_and_ends_with_the_run(roost: Roost) -> None:
    done = await roost("run", script({"text": "I say"}, {"bash": {"command": "echo hello"}}, {"reasoning": "I think"}))
    assert (done.code, done.err) == (codes.OK, "")
    for said in ("scripted", "I say", "● bash echo hello", "✓ hello", "I think", "✓ done"):
        assert said in done.out
    assert "\x1b" not in done.out


async def test_run_as_json_is_the_log(roost: Roost, client: AsyncClient) -> None:
    done = await roost("run", "hello", "--json")
    assert done.code == codes.OK
    assert [event["seq"] for event in done.lines] == list(range(1, len(done.lines) + 1))
    session = client.session(done.lines[0]["body"]["session"])
    page = await session.read()
    assert [json.loads(bytes(event.raw)) for event in page.events] == [event["body"] for event in done.lines]


@pytest.mark.parametrize(("arguments", "stdin"), [(["-"], "from a pipe"), ([], "from a pipe\n")])
async def test_the_task_may_come_from_a_pipe(arguments: list[str], stdin: str, roost: Roost) -> None:
    done = await roost("run", *arguments, stdin=stdin)
    assert done.code == codes.OK
    assert "from a pipe" in done.out


async def test_an_empty_task_is_refused(roost: Roost) -> None:
    done = await roost("run", "-", "--json", stdin="  \n")
    assert (done.code, done.error["code"]) == (codes.USAGE, "usage")


@pytest.mark.parametrize(
    ("step", "code", "said"),
    [
        ({"fail": "on purpose"}, codes.RUN_FAILED, "✗ failed: on purpose"),
        ({"crash": True}, codes.RUN_FAILED, "✗ failed"),
    ],
)
async def test_a_run_that_fails_has_its_own_exit_code(
    step: dict[str, object], code: int, said: str, roost: Roost
) -> None:
    done = await roost("run", script({"text": "first"}, step), seconds=60)
    assert done.code == code
    assert said in done.out


async def test_run_detached_prints_the_session(roost: Roost, client: AsyncClient) -> None:
    done = await roost("run", "-d", "hello", "--label", "named")
    assert done.code == codes.OK
    assert (await client.get_session(done.out.strip())).label == "named"
    assert f"roost attach {done.out.strip()}" in done.err


async def test_run_in_a_repository_gets_a_worktree_unless_in_place(roost: Roost) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *who, *arguments], cwd=roost.folder, check=True, capture_output=True)

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    make = script({"write": {"path": "made.txt", "content": "x"}})
    done = await roost("run", make, "--json")
    assert done.lines[0]["body"]["workspace"]["kind"] == "worktree"
    assert not (roost.folder / "made.txt").exists()
    done = await roost("run", make, "--json", "--in-place", "--repo", ".")
    assert done.lines[0]["body"]["workspace"]["kind"] == "folder"
    assert (roost.folder / "made.txt").exists()


async def test_a_folder_that_is_not_there_is_refused(roost: Roost) -> None:
    done = await roost("run", "x", "--repo", "nowhere", "--json")
    assert (done.code, done.error["code"]) == (codes.ERROR, "workspace_invalid")


async def test_send_goes_on_in_the_same_session(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task="first")
    await waiting_for(session, "run-complete")
    done = await roost("send", short(session), "second")
    assert done.code == codes.OK
    assert "first" not in done.out
    assert "second" in done.out
    accepted = (await roost("send", short(session), "third", "-d", "--json")).json
    assert accepted["session"] == session.id
    assert accepted["run"]


async def test_send_to_a_busy_session_says_what_can_be_done(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task=SLOW)
    await waiting_for(session, "text-delta")
    done = await roost("send", short(session), "more")
    assert done.code == codes.ERROR
    assert "--delivery queue" in done.err
    assert (await roost("send", short(session), "more", "--delivery", "steer", "-d")).code == codes.OK
    assert (await roost("send", short(session), "more", "--delivery", "queue", "-d", "--json")).json["seq"]
    await session.abort()


# --- looking ----------------------------------------------------------------------------------------------------------


async def test_attach_shows_a_session_that_is_over_and_ends(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task="hello there")
    await waiting_for(session, "run-complete")
    await session.archive()
    done = await roost("attach", short(session))
    assert done.code == codes.OK
    assert "hello there" in done.out
    assert "archived" in done.out
    seen = (await roost("attach", short(session), "--json")).lines
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert [e["seq"] for e in (await roost("attach", short(session), "--json", "--after", "3")).lines] == [
        event["seq"] for event in seen[3:]
    ]
    assert (await roost("attach", short(session), "--after", str(len(seen)))).code == codes.OK


async def test_replay_prints_every_event_and_ends_at_the_present_end(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task=script({"deltas": {"count": 1500, "bytes": 10, "per_second": 0}}))
    await waiting_for(session, "run-complete")
    head = (await session.info()).seq
    assert [e["seq"] for e in (await roost("replay", short(session), "--json")).lines] == list(range(1, head + 1))
    lines = (await roost("replay", short(session), "--after", str(head - 2))).out.splitlines()
    assert [line.split()[0] for line in lines] == [str(head - 1), str(head)]
    assert "run-complete" in lines[-1]
    assert (await roost("replay", short(session), "--after", str(head))).out == ""
    ahead = await roost("replay", short(session), "--after", str(head + 1), "--json")
    assert (ahead.code, ahead.error["head"]) == (codes.ERROR, head)


async def test_a_reader_that_leaves_is_no_error(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task=script({"deltas": {"count": 3000, "bytes": 200, "per_second": 0}}))
    await waiting_for(session, "run-complete")
    roost_is = f"'{sys.executable}' -m roost"
    for command in ("replay", "attach"):
        line = f"{roost_is} {command} {short(session)} --json | head -n 1; echo ${{PIPESTATUS[0]}}"
        done = await roost.runs(["bash", "-c", line])
        first, code = done.out.splitlines()
        assert json.loads(first)["seq"] == 1
        assert (int(code), done.err) == (codes.BROKEN_PIPE, "")


async def test_ls_lists_what_there_is(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(label="to be listed")
    archived = await client.create_session(label="to be archived")
    await archived.archive()
    table = (await roost("ls")).out
    assert short(session) in table
    assert short(archived) not in table
    assert short(archived) in (await roost("ls", "--all")).out
    listed = (await roost("ls", "--json", "--limit", "1", "--order", "created")).json
    assert [info["session"] for info in listed["sessions"]] == [session.id]
    await client.create_session()
    assert "1 more" in (await roost("ls", "--agent", "scripted", "--limit", "1")).out or len(table.splitlines()) > 2
    assert (await roost("ls", "--agent", "nobody")).code == codes.OK


async def test_show_says_how_a_session_stands(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task=script({"todos": [{"id": "1", "content": "think"}]}, {"text": "done"}))
    await waiting_for(session, "run-complete")
    told = (await roost("show", short(session))).out
    for said in (
        session.id,
        "ready for ",
        "run-complete (protocol)",
        "scripted",
        "completed in",
        "☐ think",
        "2 messages",
    ):
        assert said in told
    snapshot = (await roost("show", short(session), "--json")).json
    assert snapshot["record"]["session"] == session.id
    assert snapshot["seq"] == (await session.info()).seq
    assert snapshot["info"]["activity"]["state"] == "ready"


async def test_as_few_digits_as_are_unique_name_a_session(roost: Roost, client: AsyncClient) -> None:
    sessions = [await client.create_session(label=f"one of many {n}") for n in range(17)]
    firsts = [short(session)[0] for session in sessions]
    twice = next(digit for digit in firsts if firsts.count(digit) > 1)
    told = await roost("show", twice, "--json")
    assert (told.code, told.error["code"]) == (codes.USAGE, "id_ambiguous")
    assert len(told.error["matches"]) > 1
    name = short(sessions[0])
    known = [short(client.session(info.session)) for info in (await client.list_sessions(hidden=True)).sessions]
    fewest = next(n for n in range(1, 13) if sum(each.startswith(name[:n]) for each in known) == 1)
    for given in (name[:fewest], name, sessions[0].id, sessions[0].id[: len("codesess_") + fewest]):
        assert (await roost("show", given, "--json")).json["record"]["session"] == sessions[0].id
    for unknown in ("zzz", "000000000000", "codesess_000000000000"):
        told = await roost("show", unknown, "--json")
        assert (told.code, told.error["code"]) == (codes.NOT_FOUND, "session_not_found")


# --- acting -----------------------------------------------------------------------------------------------------------


async def test_abort_stops_a_run(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task=SLOW)
    await waiting_for(session, "text-delta")
    assert (await roost("abort", short(session))).code == codes.OK
    assert (await session.info()).status == "idle"
    assert (await roost("abort", short(session), "--json")).json["session"] == session.id


async def test_archive_and_rm_take_several(roost: Roost, client: AsyncClient) -> None:
    names = [short(await client.create_session()) for _ in range(2)]
    done = await roost("archive", *names, "--json")
    assert [line["session"].removeprefix("codesess_") for line in done.lines] == names
    assert (await client.get_session(names[1])).phase == "archived"
    assert (await roost("rm", *names)).out == "".join(f"{name} is deleted\n" for name in names)
    gone = await roost("rm", names[0], "--json")
    assert (gone.code, gone.error["code"]) == (codes.NOT_FOUND, "session_not_found")


async def test_rm_protects_unsaved_work(roost: Roost) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for arguments in (("init", "-q"), (*who, "commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run(["git", *arguments], cwd=roost.folder, check=True, capture_output=True)
    made = (await roost("run", script({"write": {"path": "a", "content": "b"}}), "--json")).lines[0]["body"]
    told = await roost("rm", made["session"])
    assert told.code == codes.ERROR
    assert "--force" in told.err
    assert (await roost("rm", made["session"], "--force")).code == codes.OK
    assert not os.path.lexists(made["workspace"]["root"])


async def test_end_removes_the_folder_and_keeps_the_history(roost: Roost) -> None:
    made = (await roost("run", script({"write": {"path": "a", "content": "b"}}), "--json")).lines[0]["body"]
    name, root = made["session"], made["workspace"].get("root")
    (told,) = (await roost("end", name, "--json")).lines
    assert (told["session"], told.get("kept")) == (name, None if root else str(roost.folder))
    shown = await roost("attach", name)
    assert (shown.code, shown.out.splitlines()[-1]) == (codes.OK, "— ended: its history stays —")
    late = await roost("send", name, "go on", "--json")
    assert (late.code, late.error["code"]) == (codes.ERROR, "session_closed")


async def test_a_permission_is_answered_from_another_terminal(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task=ASK)
    await waiting_for(session, "permission-asked")
    (entry,) = await session.pending()
    assert "asks" in (await roost("ls")).out
    assert f"roost answer {short(session)} once\n" in (await roost("show", short(session))).out
    wrong = await roost("answer", short(session), "maybe", "--json")
    assert (wrong.code, wrong.error["code"]) == (codes.USAGE, "usage")
    assert (await roost("answer", short(session), "--request", entry.request, "once")).code == codes.OK
    await waiting_for(session, "run-complete")
    late = await roost("answer", short(session), "once", "--json")
    assert (late.code, late.error["code"]) == (codes.NOT_FOUND, "permission_not_found")


async def test_a_rejection_with_a_message_is_feedback(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(task=ASK)
    await waiting_for(session, "permission-asked")
    assert (await roost("answer", short(session), "reject", "-m", "use ninja", "--json")).json["session"] == session.id
    with anyio.fail_after(20):
        replied = [e async for e in session.events(until="permission-replied")][-1]
    assert getattr(replied.body, "message", None) == "use ninja"


async def test_questions_are_answered_in_order(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session(
        task=script({"question": {"question": "Which?", "options": [{"label": "Red"}], "multiple": True}})
    )
    await waiting_for(session, "question-asked")
    wrong = await roost("answer", short(session), "Red", "Blue", "--json")
    assert (wrong.code, wrong.error["code"]) == (codes.USAGE, "usage")
    assert (await roost("answer", short(session), "Red, Green")).code == codes.OK
    with anyio.fail_after(20):
        replied = [e async for e in session.events(until="question-replied")][-1]
    assert getattr(replied.body, "answers", None) == (("Red", "Green"),)


async def test_doctor_finds_all_well(roost: Roost, hub: RunningHub) -> None:
    told = await roost("doctor")
    assert told.code == codes.OK
    assert hub.url in told.out
    checks = {check["name"]: check["status"] for check in (await roost("doctor", "--json")).json["checks"]}
    assert checks["hub"] == checks["python"] == checks["git"] == checks["lock"] == "ok"
    assert "fail" not in checks.values()


async def test_doctor_finds_what_is_wrong(alone: Roost) -> None:
    (alone.data / "orphans").mkdir(parents=True)
    (alone.data / "orphans" / "codesess_0123456789ab.3").write_text("x")
    (alone.data / "spool").mkdir()
    (alone.data / "spool" / "codesess_0123456789ab.4").write_text("x")
    (alone.data / "hub.json").write_text('{"url": "http://127.0.0.1:1", "pid": 1}')
    alone.data.chmod(0o755)
    told = (await alone("doctor", "--json", ROOST_PROT="1", PATH="")).json
    found = {(check["name"], check["status"]): check for check in told["checks"]}
    assert told["ok"] is False
    assert "git" in found["git", "fail"]["todo"]
    assert "apt-get install bubblewrap" in found["sandbox", "warn"]["todo"]
    assert "apt-get install tmux" in found["screens", "warn"]["todo"]
    assert "ROOST_PROT" in found["environment", "warn"]["found"]
    assert "codesess_0123456789ab.3" in found["orphans", "warn"]["found"]
    assert found["spools", "warn"]["todo"]
    assert "chmod 700" in found["data", "warn"]["todo"]
    assert "killed" in found["hub", "warn"]["found"]
    (alone.data / "hub.json").unlink()
    assert (await alone("doctor", PATH="")).code == codes.ERROR


async def test_a_hub_elsewhere_is_named_by_url_and_key(roost: Roost, hub: RunningHub, tmp_path: Path) -> None:
    key = (roost.data / "api_key").read_text().strip()
    elsewhere = Roost(tmp_path / "nothing", tmp_path)
    assert (await elsewhere("ls", "--url", hub.url, "--json", ROOST_API_KEY=key)).code == codes.OK
    assert (await elsewhere("ls", "--json", ROOST_URL=hub.url, ROOST_API_KEY=key)).code == codes.OK
    assert (await elsewhere("ls", "--json", "--data", str(hub.data))).code == codes.OK
    told = await elsewhere("run", "x", "--url", "http://127.0.0.1:1", "--json")
    assert (told.code, told.error["code"]) == (codes.NO_HUB, "hub_unreachable")
