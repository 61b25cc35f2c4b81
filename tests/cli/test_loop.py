"""Files, skills and loops through the real entry point, against a real hub."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from roost.cli import codes
from roost.client import AsyncClient
from tests.cli.conftest import Roost
from tests.cli.test_sessions import script, short

DONE = script({"goal": "complete"})


async def test_run_gives_files_and_skills(roost: Roost, client: AsyncClient, tmp_path: Path) -> None:
    notes, skill = tmp_path / "notes.bin", tmp_path / "review" / "SKILL.md"
    notes.write_bytes(b"\x00\xff")
    skill.parent.mkdir()
    skill.write_text("# Review\n")
    given = ["--file", str(notes), "--file", f"in/b.bin={notes}", "--skill", str(skill.parent)]
    session = (await roost("run", "--detach", "--json", *given, "hello")).json["session"]
    said = json.loads((await client.session(session).send(script({"given": True}), delivery="queue")).text or "")
    assert said["files"] == dict.fromkeys(("notes.bin", "in/b.bin"), f"sha256-{sha256(notes.read_bytes()).hexdigest()}")
    assert list(said["skills"]) == ["review"]
    assert "files: notes.bin, in/b.bin\n" in (await roost("show", session)).out


@pytest.mark.parametrize("wrong", [["--file", "no-such-file"], ["--skill", "no-such-folder"]])
async def test_what_cannot_be_read_is_not_given(roost: Roost, wrong: list[str]) -> None:
    assert (await roost("run", "x", *wrong)).code == codes.USAGE


async def test_run_follows_a_loop_to_its_end(roost: Roost) -> None:
    first = script({"goal": {"status": "continue", "next_action": DONE}})
    done = await roost("run", first, "--goal", "all green", "--iterations", "3")
    assert done.code == codes.OK
    assert "↻ completed, iteration 2" in done.out
    failing = await roost("run", "--goal", script({"fail": "no"}), "--json")
    assert (failing.code, failing.lines[-1]["body"]["status"]) == (codes.RUN_FAILED, "blocked")


async def test_a_loop_is_started_shown_adjusted_paused_and_cancelled(roost: Roost, client: AsyncClient) -> None:
    session = await client.create_session()
    name = short(session)
    assert (await roost("loop", name, "--json")).error["code"] == "loop_not_found"
    started = await roost("loop", name, "--start", "--goal", script({"sleep": 60}), "--iterations", "3", "--step")
    assert "iteration" in started.out
    adjusted = (await roost("loop", name, "--iterations", "5", "--json")).json["loop"]
    assert (adjusted["max_iterations"], adjusted["auto_continue"]) == (5, False)
    assert (await roost("loop", name, "--pause", "--json")).json["status"] == "paused"
    assert "paused" in (await roost("show", name)).out
    assert (await roost("loop", name, "--cancel", "--json")).json["status"] == "cancelled"
    assert (await roost("loop", name, "--resume", "--json")).error["code"] == "loop_ended"
    assert (await roost("loop", name, "--pause", "--cancel")).code == codes.USAGE
    assert (await roost("loop", name, "--pause", "--goal", "x")).code == codes.USAGE
