"""Where agents keep the records of their sessions, and which of them belong to a folder."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from roost.natives.database import open_database
from roost.natives.facts import turn_of
from roost.natives.looking import read_facts, read_status
from roost.natives.places import CLAUDE_SLUG_UNITS, LOOKS, Homes, claude_slug, homes_of, sessions_of
from tests.natives.recorded import IDS, make_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Its sessions were held in the folder `repo` beside it."""
    return make_home(tmp_path)


@pytest.fixture
def homes(home: Path) -> Homes:
    return homes_of({"HOME": str(home)})


def every_file(folder: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("agent", sorted(LOOKS))
def test_a_session_is_found_in_its_folder_by_its_id(agent: str, home: Path, homes: Homes) -> None:
    before = every_file(home)
    (found,) = sessions_of(agent, homes, home.parent / "repo")
    assert (found.agent, found.id) == (agent, IDS[agent])
    assert [session.id for session in sessions_of(agent, homes)] == [IDS[agent]]
    assert sessions_of(agent, homes, home.parent) == []
    assert read_facts(found)[0]
    assert every_file(home) == before, "reading has changed something"


@pytest.mark.parametrize("agent", sorted(LOOKS))
def test_a_link_to_the_folder_is_the_folder(agent: str, home: Path, homes: Homes) -> None:
    (home.parent / "link").symlink_to(home.parent / "repo")
    assert [session.id for session in sessions_of(agent, homes, home.parent / "link")] == [IDS[agent]]


@pytest.mark.parametrize("agent", sorted(LOOKS))
def test_without_records_there_are_no_sessions(agent: str, tmp_path: Path) -> None:
    assert sessions_of(agent, homes_of({"HOME": str(tmp_path)})) == []


def test_each_agent_may_be_told_where_its_home_is() -> None:
    env = {
        "HOME": "/h", "CLAUDE_CONFIG_DIR": "/c", "CODEX_HOME": "/x", "PI_CODING_AGENT_DIR": "/p", "XDG_DATA_HOME": "/d",
    }  # fmt: skip
    moved = homes_of(env)
    assert (moved.claude, moved.codex, moved.pi) == (Path("/c"), Path("/x"), Path("/p"))
    assert (moved.opencode, moved.gemini) == (Path("/d/opencode/opencode.db"), Path("/h/.gemini"))
    enclosed = homes_of(env | {"CODEX_HOME": "/h/x"}, outside="/data/home")
    assert (enclosed.codex, enclosed.claude) == (Path("/data/home/x"), Path("/c")), (
        "what is not in its home is not moved"
    )
    assert homes_of({"HOME": "/h"}, outside="/data/home").gemini == Path("/data/home/.gemini")
    assert homes_of({"HOME": "/h"}).opencode == Path("/h/.local/share/opencode/opencode.db")


@pytest.mark.parametrize(
    ("folder", "slug"),
    [
        ("/repo", "-repo"),
        ("/a-b/c.d_e f", "-a-b-c-d-e-f"),
        ("/ümläut/日本", "--ml-ut---"),
        ("/emoji/😀", "-emoji---"),  # two units of UTF-16
        ("/" + "x" * (CLAUDE_SLUG_UNITS - 1), "-" + "x" * (CLAUDE_SLUG_UNITS - 1)),
        ("/" + "x" * CLAUDE_SLUG_UNITS, "-" + "x" * (CLAUDE_SLUG_UNITS - 1)),
    ],
)
def test_a_folder_of_claude_is_named_with_dashes(folder: str, slug: str) -> None:
    assert claude_slug(folder) == slug


def claude_file(homes: Homes, project: str, name: str, *records: dict[str, object]) -> Path:
    path = homes.claude / "projects" / project / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_folders_with_one_name_are_told_apart_by_what_the_records_say(tmp_path: Path) -> None:
    homes = homes_of({"HOME": str(tmp_path)})
    dashed, nested = tmp_path / "a-b", tmp_path / "a" / "b"
    for number, folder in enumerate((dashed, nested)):
        claude_file(homes, claude_slug(str(folder)), f"s{number}", {"type": "user", "cwd": str(folder)})
    assert claude_slug(str(dashed)) == claude_slug(str(nested))
    assert [session.id for session in sessions_of("claude", homes, dashed)] == ["s0"]
    assert [session.id for session in sessions_of("claude", homes, nested)] == ["s1"]


def test_a_long_folder_is_found_whatever_its_hash(tmp_path: Path) -> None:
    homes, folder = homes_of({"HOME": str(tmp_path)}), tmp_path / ("deep/" * 60)
    slug = claude_slug(str(folder))
    claude_file(homes, f"{slug}-1k9x2z", "s1", {"type": "user", "cwd": str(folder)})
    claude_file(homes, f"{slug}-7b3", "s2", {"type": "user", "cwd": f"{folder}/other"})
    assert [session.id for session in sessions_of("claude", homes, folder)] == ["s1"]


def test_sub_agents_files_links_and_other_things_are_no_sessions_of_claude(tmp_path: Path) -> None:
    homes = homes_of({"HOME": str(tmp_path)})
    path = claude_file(homes, "-repo", "s1", {"type": "user", "cwd": "/repo"})
    claude_file(homes, "-repo", "agent-1", {"type": "user", "cwd": "/repo"})
    (path.parent / "s2.jsonl").symlink_to(path)
    (path.parent / "s3.txt").write_text("no", encoding="utf-8")
    (homes.claude / "projects" / "-linked").symlink_to(path.parent)
    assert [session.id for session in sessions_of("claude", homes)] == ["s1"]


def test_the_newest_session_comes_first(tmp_path: Path) -> None:
    homes = homes_of({"HOME": str(tmp_path)})
    for name, at in (("old", 1), ("new", 3), ("mid", 2)):
        os.utime(claude_file(homes, "-repo", name, {"type": "user", "cwd": "/repo"}), (at, at))
    found = sessions_of("claude", homes)
    assert [(session.id, session.changed_at) for session in found] == [("new", 3000), ("mid", 2000), ("old", 1000)]


def test_codex_is_looked_for_so_deep_and_says_early_where_it_began(home: Path, homes: Homes) -> None:
    day = home / ".codex/sessions/2026/11/20"
    recorded = next(day.iterdir())
    (day / "deeper").mkdir()
    shutil.copy(recorded, day / "deeper" / "rollout-x.jsonl")
    (day / "rollout-late.jsonl").write_text("{}\n" * 10 + recorded.read_text(encoding="utf-8"), encoding="utf-8")
    assert [session.path for session in sessions_of("codex", homes)] == [recorded]


def test_a_folder_of_gemini_is_known_by_its_hash_or_by_the_file_that_names_it(home: Path, homes: Homes) -> None:
    assert [session.folder for session in sessions_of("gemini", homes)] == [None]
    repo = str((home.parent / "repo").resolve())
    (home / ".gemini/tmp/repo/.project_root").write_text(repo + "\n", encoding="utf-8")
    assert [session.folder for session in sessions_of("gemini", homes)] == [repo]


def test_opencode_is_read_while_it_writes(home: Path, homes: Homes) -> None:
    with closing(sqlite3.connect(homes.opencode)) as agent:
        agent.execute("UPDATE session SET title = 'new', time_updated = 5")
        agent.execute("UPDATE message SET time_updated = 7")
        agent.commit()  # in the write-ahead log alone
        (found,) = sessions_of("opencode", homes)
        facts, changed_at = read_facts(found)
        assert (found.changed_at, changed_at, facts[0].at) == (5, 5, 7)
        with closing(open_database(homes.opencode)) as reader, pytest.raises(sqlite3.OperationalError):
            reader.execute("DELETE FROM session")


def test_sub_agents_of_opencode_are_left_out(homes: Homes) -> None:
    with closing(sqlite3.connect(homes.opencode)) as agent:
        agent.execute("UPDATE session SET parent_id = 'ses_parent'")
        agent.commit()
    assert sessions_of("opencode", homes) == []


def test_a_file_that_is_no_database_holds_no_sessions(homes: Homes) -> None:
    homes.opencode.write_bytes(b"no database at all, but long enough to look at" * 10)
    assert sessions_of("opencode", homes) == []


@pytest.mark.parametrize(
    ("agent", "kind"), [("claude", "failed"), ("codex", "failed"), ("opencode", "failed"), ("pi", "failed")]
)
def test_the_facts_that_are_read_reach_back_to_how_the_turn_stands(agent: str, kind: str, homes: Homes) -> None:
    facts, changed_at = read_facts(sessions_of(agent, homes)[0])
    turn = turn_of(facts)
    assert (turn and turn.kind, changed_at > 0) == (kind, True)


def test_claudes_own_status_is_read_by_its_process_and_its_key_is_not(home: Path, homes: Homes) -> None:
    folder = home / ".claude" / "sessions"
    folder.mkdir()
    (folder / "7.json").write_text('{"pid": 7, "procStart": "2665645", "status": "busy"}', encoding="utf-8")
    (folder / "7.key").write_text("secret", encoding="utf-8")
    (folder / "8.json").write_text("torn {", encoding="utf-8")
    found = read_status(homes, {6: "1", 7: "2665645", 8: "2"})
    assert found is not None and found[0]["status"] == "busy" and found[1] > 0
    assert read_status(homes, {6: "1", 8: "2"}) is None
    assert read_status(homes, {7: "2665646"}) is None, "left behind by one that was killed"
