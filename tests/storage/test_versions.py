"""Files of other versions: older ones are brought up to date, newer ones and strangers are left alone."""

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from roost.model.errors import SchemaTooNew, StorageUnavailable
from roost.model.events import Principal, Timeouts
from roost.model.ids import SessionId
from roost.model.lifecycle import Phase
from roost.model.record import encode_record
from roost.model.stored import Item, SessionQuery
from roost.storage import open_store
from roost.storage.sqlite.connect import STEPS, connect_writer
from roost.storage.sqlite.sql import script
from roost.storage.sqlite.store import FILE, open_sqlite
from tests.contract.given import ANNA, append, new_session, read_all, record, said, texts
from tests.storage.conftest import child_env

TODAY = [script(name) for name in STEPS]


async def make_store(data: Path) -> Path:
    store = await open_sqlite(data)
    await new_session(store)
    await store.append(append(*texts(3)))
    await store.close()
    return data / FILE


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


async def test_a_new_file_has_the_newest_version_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = await make_store(tmp_path)
    assert version(path) == len(STEPS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_file_of_version_0_is_brought_to_the_newest(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA user_version = 0")
        connection.execute("VACUUM")
    assert version(await make_store(tmp_path)) == len(STEPS)


async def test_each_step_is_taken_once_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = await make_store(tmp_path)
    steps = [
        *TODAY,
        "ALTER TABLE sessions ADD COLUMN colour TEXT DEFAULT 'red';",
        "UPDATE sessions SET colour = 'dark ' || colour;",
    ]
    for _ in range(2):
        with closing(connect_writer(path, steps)) as connection:
            assert connection.execute("SELECT id, colour FROM sessions").fetchall() == [("s", "dark red")]
            assert connection.execute("PRAGMA user_version").fetchone() == (len(TODAY) + 2,)


async def test_a_step_that_fails_leaves_the_file_at_the_version_before_it(tmp_path: Path) -> None:
    path = await make_store(tmp_path)
    steps = [*TODAY, "ALTER TABLE sessions ADD COLUMN colour TEXT; INSERT INTO nowhere VALUES (1);"]
    with pytest.raises(sqlite3.OperationalError):
        connect_writer(path, steps)
    assert version(path) == len(TODAY)
    store = await open_sqlite(tmp_path)
    assert said(await read_all(store)) == ["1", "2", "3"]
    await store.close()


async def test_a_file_of_a_newer_roost_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = await make_store(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    before = sha256(path.read_bytes()).digest()
    with pytest.raises(SchemaTooNew):
        await open_sqlite(tmp_path)
    assert sha256(path.read_bytes()).digest() == before


async def test_a_file_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = sha256((tmp_path / FILE).read_bytes()).digest()
    with pytest.raises(StorageUnavailable):
        await open_sqlite(tmp_path)
    assert sha256((tmp_path / FILE).read_bytes()).digest() == before


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"my thesis\n" * 1000)
    with pytest.raises(StorageUnavailable):
        await open_sqlite(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"my thesis\n" * 1000


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    await make_store(tmp_path)
    store = await open_sqlite(tmp_path)
    assert said(await read_all(store)) == ["1", "2", "3"]
    assert (await store.get(SessionId("s"))).head == 4
    assert await store.feed_head() == 4
    await store.close()


async def test_a_pos_is_not_given_twice_after_a_trim_and_a_restart(tmp_path: Path) -> None:
    await make_store(tmp_path)
    store = await open_sqlite(tmp_path)
    await store.trim(SessionId("s"), before=5)
    await store.close()
    store = await open_sqlite(tmp_path)
    assert await store.feed_head() == 4
    assert (await store.append(append(*texts(1)))).pos == 5
    await store.close()


async def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        await open_sqlite(tmp_path / "nowhere")


async def test_a_kind_of_store_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="memory, sqlite"):
        await open_store("papyrus", tmp_path)


def test_a_store_that_is_not_used_is_not_imported() -> None:
    check = "import sys, roost.storage; print([name for name in sys.modules if name.startswith('roost.storage.')])"
    loaded = subprocess.run([sys.executable, "-c", check], env=child_env(), capture_output=True, text=True, check=True)
    assert loaded.stdout == "['roost.storage.lock']\n"


async def test_a_file_of_version_1_can_be_searched_listed_and_counted(tmp_path: Path) -> None:
    """Sessions, runs, deletions and keys as version 1 wrote them."""
    with closing(connect_writer(tmp_path / FILE, [script("schema.sql")])) as old:
        raw = encode_record(
            record(label="Straße", task="T", owner=Principal(user="cleo", org="acme"), visibility="organization",
                   tags=("red",), metadata={"k": "Needle"}, phase=Phase.PAUSED, slept_at=5, timeouts=Timeouts(paused=1))
        )  # fmt: skip
        old.execute(
            "INSERT INTO sessions"
            " (id, created_at, updated_at, hidden, phase, agent, owner, epoch, state_seq, env, record)"
            " VALUES ('s', 1, 1, 0, 'paused', 'scripted', 'cleo', 1, 1, '{}', ?)", (raw,)
        )  # fmt: skip
        old.execute("INSERT INTO heads VALUES (1, 1, 0)")
        old.execute(
            "INSERT INTO events (pos, session, seq, at, run, by, type, fact, body) VALUES"
            """ (1, 1, 1, 1, 'r', '{"user":"cleo"}', 'run-start', 1, '{"type":"run-start","message":"m","input":[]}')"""
        )
        gone = b'{"type":"session-deleted","session":"t","at":2,"by":{"user":"bert"}}'
        old.execute("INSERT INTO events (pos, at, type, fact, body) VALUES (2, 2, 'session-deleted', 1, ?)", (gone,))
        old.execute("""INSERT INTO api_keys VALUES ('k', x'00', '{"user":"owner"}', 1, NULL)""")
    store = await open_sqlite(tmp_path)
    for query in (
        SessionQuery(search="STRASSE"), SessionQuery(search="ee"), SessionQuery(tags=frozenset(("red",))),
        SessionQuery(folder="/srv"), SessionQuery(visible_to=Principal(user="dora", org="acme")),
        SessionQuery(statuses=frozenset(("archived",)), at=1_005),
    ):  # fmt: skip
        page = await store.list(query)
        assert ([row.record.session for row in page.rows], page.total) == (["s"], 1), query
    assert await store.counts(SessionQuery()) == {"paused": 1}
    assert [run.start.run for run in await store.runs(SessionId("s"))] == ["r"]
    assert [(entry.action, entry.by.user) for entry in await store.audit()] == [
        ("run-start", "cleo"), ("session-deleted", "bert"),
    ]  # fmt: skip
    assert [(key.scope, key.label, key.expires_at) for key in await store.keys()] == [("admin", "", None)]
    await store.close()


async def test_a_file_of_version_2_keeps_its_tags_words_and_counts(tmp_path: Path) -> None:
    """Sessions as version 2 wrote them: what finds them was in tables of other shapes."""
    with closing(connect_writer(tmp_path / FILE, TODAY[:2])) as old:
        for key, tags in ((1, ("red",)), (2, ("red", "blue"))):
            name = f"s{key}"
            raw = encode_record(record(name, label=f"Straße {key}", tags=tags, phase=Phase.PAUSED))
            old.execute(
                "INSERT INTO sessions (id, created_at, updated_at, hidden, phase, agent, owner, folder, epoch,"
                " state_seq, env, record) VALUES (?, ?, 1, 0, 'paused', 'scripted', 'anna', '/srv/project', 1, 1,"
                " '{}', ?)", (name, key, raw),
            )  # fmt: skip
            old.execute("INSERT INTO heads VALUES (?, 1, 0)", (key,))
            old.execute("INSERT INTO words VALUES (?, words_of(?))", (key, raw))
            old.executemany("INSERT INTO tags VALUES (?, ?)", [(tag, key) for tag in tags])
    store = await open_sqlite(tmp_path)
    for query, found in (
        (SessionQuery(tags=frozenset(("red",))), ["s2", "s1"]), (SessionQuery(tags=frozenset(("blue",))), ["s2"]),
        (SessionQuery(search="STRASSE 2"), ["s2"]), (SessionQuery(search="1"), ["s1"]),
        (SessionQuery(folder="/srv"), ["s2", "s1"]), (SessionQuery(visible_to=Principal(user="anna")), ["s2", "s1"]),
    ):  # fmt: skip
        page = await store.list(query)
        assert ([row.record.session for row in page.rows], page.total) == (found, len(found)), query
    await store.delete(SessionId("s2"), by=None, at=1)
    assert (await store.list(SessionQuery(tags=frozenset(("red",))))).total == 1
    assert await store.counts(SessionQuery(folder="/srv/project")) == {"paused": 1}
    await store.close()


async def test_a_file_of_version_3_gets_a_library(tmp_path: Path) -> None:
    connect_writer(tmp_path / FILE, TODAY[:3]).close()
    store = await open_sqlite(tmp_path)
    kept = Item(kind="skill", id="s", name="s", owner=ANNA, created_at=1, updated_at=1, data=b"{}")
    await store.put_items(kept)
    assert await store.items("skill") == [kept]
    await store.close()
