"""A home in which each agent has held its recorded session."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from roost.natives.places import claude_slug

GOLDEN = Path(__file__).parents[1] / "golden" / "native"
IDS = {
    "claude": "00000000-0000-4000-8000-000000000001",
    "codex": "00000000-0000-4000-8000-000000000046",
    "gemini": "00000000-0000-4000-8000-000000000075",
    "opencode": "ses_e081d9845ffe1FLwhsD8EfD0vx",
    "pi": "00000000-0000-4000-8000-000000000074",
}


def make_home(place: Path) -> Path:
    """The folder `home` in this place; all of the sessions were held in the folder `repo` beside it."""
    repo = str((place / "repo").resolve())
    (place / "repo").mkdir()
    places = {
        "claude-code.jsonl": f".claude/projects/{claude_slug(repo)}/{IDS['claude']}.jsonl",
        "codex.jsonl": ".codex/sessions/2026/11/20/rollout-2026-11-20T07-35-39-46.jsonl",
        "gemini-cli.jsonl": ".gemini/tmp/repo/chats/session-2026-11-20T07-35-75.jsonl",
        "pi.jsonl": ".pi/agent/sessions/--repo--/2026-11-20T07-35-54-440Z_74.jsonl",
    }
    hashed = hashlib.sha256(repo.encode()).hexdigest()
    for name, own in places.items():
        text = (GOLDEN / name).read_text(encoding="utf-8")
        path = place / "home" / own
        path.parent.mkdir(parents=True)
        path.write_text(text.replace('"/workspace"', json.dumps(repo)).replace("0" * 64, hashed), encoding="utf-8")
    database = place / "home/.local/share/opencode/opencode.db"
    database.parent.mkdir(parents=True)
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA synchronous = OFF")
        writer.execute("PRAGMA journal_mode = WAL")
        recorded = (GOLDEN / "opencode.sql").read_text(encoding="utf-8")
        writer.executescript(f"BEGIN; {recorded} UPDATE session SET directory = '{repo}'; COMMIT;")
    return place / "home"
