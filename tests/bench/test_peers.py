"""The harness of `make bench-peers`, on Roost itself: what it tells of others must be told rightly."""

import json
import re
import socket

import pytest

from bench.peers import page
from bench.peers.found import TINY, Heard, Told
from bench.peers.known import PEERS, load
from bench.peers.measure import STEPS
from bench.peers.page import Results
from bench.peers.peer import Launch, Place, Task
from bench.peers.pins import LOCKS, NPM, PYTHON
from bench.peers.roost import Scripted
from bench.peers.row import Row, measure
from bench.peers.watch import Refused, Watch, blocks, get, messages

pytestmark = pytest.mark.timeout(180)
MACHINE = {"cores": 2, "cpu": "?", "memory_gib": 1, "kernel": "?", "python": "?", "date": "?", "load_before": 0.1}
NOBODY = "http://127.0.0.1:9"
"""No model: the scripted agent asks none."""
ports: list[int] = []


class Mistaken(Scripted):
    """Roost, asked for its list in a place that it does not have."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        ports.append(place.port)

    def listed(self) -> int:
        return self._api.call("GET", "/v1/nowhere")["total"]


class Unwilling(Scripted):
    """What does not start."""

    def launch(self) -> Launch:
        return Launch(command=("sh", "-c", "echo no such luck >&2; exit 3"), cwd=self._place.folder)


@pytest.fixture(scope="module")
def row() -> Row:
    return measure(Mistaken, "mistaken", NOBODY, TINY, lambda _: None)


def test_roost_is_asked_every_question_and_an_answer_that_is_none_is_a_cell_that_says_so(row: Row) -> None:
    found = row.found
    assert found is not None, row.error
    assert list(found.failed) == ["list"]
    assert "404" in found.failed["list"]
    assert found.start and found.create and found.first and found.attach
    assert found.idle_mib and found.loaded_mib and found.loaded_mib > found.idle_mib
    assert found.floods is not None and [flood.complete for flood in found.floods] == [TINY.observers]
    assert found.floods[0].text == TINY.observers * TINY.flood_words
    assert found.attach.given == found.attach.before >= TINY.leave_after_words


def test_whoever_comes_back_to_roost_is_told_each_word_once_also_after_a_kill(row: Row) -> None:
    assert row.found and row.found.reconnect and row.found.crash
    crash = row.found.crash
    for told in (row.found.reconnect, crash.told):
        assert isinstance(told, Told), told
        assert (told.words, told.lost, told.doubled, told.ended) == (TINY.paced_words, 0, 0, True)
    assert (crash.kept, crash.goes_on) == (TINY.paced_words, True)


def test_nothing_of_a_server_is_left_and_nothing_of_this_machine_is_told(row: Row) -> None:
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ports[-1])) != 0
    assert row.command.startswith("python -m roost up ")
    assert "--data FOLDER/data --port PORT" in row.command


def test_what_was_found_becomes_a_row_and_what_failed_is_told(row: Row) -> None:
    other = Row(name="other", about=load("langgraph").about, error="pip install: no wheel")
    told = page.render(Results(machine=MACHINE, amounts=TINY, rows=[row, other]))
    line = next(line for line in told.splitlines() if line.startswith("| Roost, scripted |"))
    assert line.count("failed") == 1
    assert "- Roost, scripted, list: failed." in told
    assert f"- {other.about.title} was not measured. `pip install: no wheel`" in told


def test_a_server_that_does_not_start_is_a_row_with_what_it_said() -> None:
    row = measure(Unwilling, "unwilling", NOBODY, TINY, lambda _: None)
    assert row.found is None
    assert row.error == "it ended with 3 at its start: no such luck"


def test_the_page_is_what_its_results_render_to() -> None:
    results = page.read()
    assert page.PAGE.read_text(encoding="utf-8") == page.render(results)
    assert [row.name for row in results.rows] == list(PEERS)
    assert all(set(row.found.failed) <= set(STEPS) for row in results.rows if row.found)


@pytest.mark.parametrize("name", [*NPM.rows, *PYTHON])
def test_every_peer_is_pinned_with_hashes_and_without_addresses(name: str) -> None:
    if name in NPM.rows:
        lock = NPM.lock(name).decode()
        packages = json.loads(lock)["packages"]
        assert all("integrity" in entry for place, entry in packages.items() if place)
        assert {p: packages[f"node_modules/{p}"]["version"] for p in NPM.of(name).packages} == NPM.of(name).packages
    else:
        lock = (LOCKS / f"{name}.txt").read_text(encoding="utf-8")
        locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
        assert all(len(stanza.split("--hash=")) > 1 for stanza in re.split(r"\n(?=\S)", lock))
        assert PYTHON[name].packages.items() <= locked.items()
        assert set(PYTHON[name].built) <= set(locked)
    assert "://" not in lock


@pytest.mark.parametrize(
    ("numbers", "lost", "doubled"),
    [
        ([0, 1, 2, 3], 0, 0),
        ([0, 1, 3], 1, 0),
        ([0, 1, 1, 2, 3], 0, 1),
        ([0, 2, 1, 3], 0, 1),
        ([], 4, 0),
    ],
)
def test_words_that_never_came_and_words_that_came_twice_or_late_are_counted(
    numbers: list[int], lost: int, doubled: int
) -> None:
    heard = Heard(text="".join(f"{number:08d} " for number in numbers), whole="00000000 00000001 ")
    told = heard.told(Task(words=4))
    assert (told.lost, told.doubled, told.whole, told.ended) == (lost, doubled, False, False)


def test_text_that_comes_again_as_one_is_no_piece() -> None:
    told = Heard(text="00000000 ", whole="00000000 00000001").told(Task(words=2))
    assert (told.lost, told.whole) == (1, True)


def test_events_are_read_out_of_chunks_wherever_they_are_cut() -> None:
    body = b'id: 7\nevent: a\ndata: {"n":1}\n\n: beat\n\ndata: {"n":2}\n\ndata: {"n"'
    for size in (1, 5, 1000):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        raw = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        found = blocks(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + raw)
        assert found == [("7", "a", {"n": 1}), ("", "", {"n": 2})]
    assert blocks(b"HTTP/1.1 200 OK\r\n\r\n" + body) == found


def test_messages_of_a_websocket_are_read_as_far_as_they_are_whole() -> None:
    long = b"x" * 70_000
    frames = [b"\x81\x02hi", b"\x89\x01p", b"\x01\x02he", b"\x80\x03llo", b"\x81\x7e\x01\x00" + b"y" * 256]
    raw = b"".join(frames) + b"\x81\x7f" + len(long).to_bytes(8) + long
    assert messages(raw) == [b"hi", b"hello", b"y" * 256, long]
    assert messages(raw[:-1]) == [b"hi", b"hello", b"y" * 256]
    assert messages(b"".join(frames[:3])) == [b"hi"]


def test_a_stream_that_is_refused_says_how() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Watch() as watch:
        port = server.getsockname()[1]
        watch.open(port, [get(port, "/events", cursor="7")])
        connection, _ = server.accept()
        with connection:
            assert b"Last-Event-ID: 7\r\n" in connection.recv(4096)
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            with pytest.raises(Refused, match="404 Not Found"):
                watch.until(lambda one: one.is_open(), 10)
