"""What is not acknowledged is kept within its bounds, and survives on disk when the host leaves."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET, Raw

from roost.link.frames import Produced
from roost.link.spool import OVERHEAD_BYTES, Spool, read_spool, spool_path
from roost.model.errors import InvalidBody, SpoolFull
from roost.model.ids import RunId, SessionId

SESSION = SessionId("codesess_0123456789ab")
BODY_BYTES = 100
Make = Callable[..., Spool]
EVENT_BYTES = BODY_BYTES + OVERHEAD_BYTES


def event(number: int) -> Produced:
    text = msgspec.json.encode({"n": number, "pad": ""})
    raw = msgspec.json.encode({"n": number, "pad": "." * (BODY_BYTES - len(text))})
    return Produced(body=Raw(raw), run=RunId("run_1"))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    """Spools with their bounds in events; closed in the end."""
    line = len(msgspec.json.encode(event(1))) + 1
    made: list[Spool] = []

    def spool(folder: Path = tmp_path, *, memory: int = 10, disk: int = 10, reserve: int = 2) -> Spool:
        bounds = {
            "memory_bytes": memory * EVENT_BYTES,
            "disk_bytes": disk * line,
            "reserve_bytes": reserve * EVENT_BYTES,
        }
        made.append(Spool(folder / "spool.tmp", **bounds))
        return made[-1]

    yield spool
    for each in made:
        each.close()


def numbers(kept: Spool) -> list[int]:
    return [msgspec.json.decode(event.body)["n"] for _, event in kept.events()]


def fill(kept: Spool, count: int, first: int = 1) -> None:
    for number in range(first, first + count):
        kept.put(event(number))


def test_memory_then_disk_then_full(tmp_path: Path, make: Make) -> None:
    kept = make()
    fill(kept, 10)
    assert not (tmp_path / "spool.tmp").exists()
    fill(kept, 10, 11)
    assert (tmp_path / "spool.tmp").stat().st_size > 0
    with pytest.raises(SpoolFull):
        kept.put(event(21))
    assert numbers(kept) == list(range(1, 21))
    assert kept.produced == 20


def test_the_end_of_a_run_finds_room_in_a_full_spool(tmp_path: Path, make: Make) -> None:
    kept = make()
    fill(kept, 20)
    assert kept.put(event(21), last_words=True) == 21
    with pytest.raises(SpoolFull):
        kept.put(event(22))
    kept.put(event(22), last_words=True)
    with pytest.raises(SpoolFull):
        kept.put(event(23), last_words=True)
    assert numbers(kept) == list(range(1, 23))


def test_events_come_back_in_order_from_all_three_places(tmp_path: Path, make: Make) -> None:
    kept = make()
    fill(kept, 20)
    kept.put(event(21), last_words=True)
    seen: list[int] = []
    while taken := kept.take(4, 1 << 20):
        seen += [msgspec.json.decode(event.body)["n"] for event in taken]
        kept.ack(seen[-1])
    assert seen == list(range(1, 22))
    assert len(kept) == 0


def test_room_that_acknowledgements_made_is_used_again(tmp_path: Path, make: Make) -> None:
    kept = make(disk=8)
    fill(kept, 18)
    made = 18
    for _ in range(200):
        taken = kept.take(3, 1 << 20)
        kept.ack(kept.acked + len(taken))
        for _ in taken:
            try:
                kept.put(event(made + 1))
            except SpoolFull:
                break
            made += 1
        assert numbers(kept) == list(range(kept.acked + 1, made + 1))
        assert (tmp_path / "spool.tmp").stat().st_size <= 8 * 200
    assert made > 300


def test_a_disk_that_cannot_be_written_is_a_full_one(tmp_path: Path, make: Make) -> None:
    (tmp_path / "file").touch()
    kept = make(tmp_path / "file")
    fill(kept, 10)
    with pytest.raises(SpoolFull):
        kept.put(event(11))
    kept.put(event(11), last_words=True)
    assert numbers(kept) == list(range(1, 12))


def test_closing_removes_the_file(tmp_path: Path, make: Make) -> None:
    kept = make()
    fill(kept, 15)
    kept.close()
    assert list(tmp_path.iterdir()) == []


def test_a_saved_spool_is_read_back_with_its_numbers(tmp_path: Path, make: Make) -> None:
    kept = make()
    fill(kept, 20)
    kept.ack(3)
    path = spool_path(tmp_path, SESSION, 4)
    kept.save(path, SESSION, 4)
    head, lines = read_spool(path)
    assert (head.session, head.epoch, head.first, head.count) == (SESSION, 4, 4, 17)
    assert [line.producer_seq for line in lines] == list(range(4, 21))
    assert bytes(lines[0].body) == bytes(event(4).body)
    assert {line.run for line in lines} == {"run_1"}
    assert list(path.parent.iterdir()) == [path]


def test_an_event_without_a_run_is_saved_without_one(tmp_path: Path, make: Make) -> None:
    kept = make()
    kept.put(Produced(body=Raw(b'{"type":"note"}')))
    kept.save(tmp_path / "saved", SESSION, 1)
    assert read_spool(tmp_path / "saved")[1][0].run is UNSET


@pytest.mark.parametrize("cut", [0, 1, 30, -1, -40, -200])
def test_a_spool_that_is_not_whole_is_refused(tmp_path: Path, make: Make, cut: int) -> None:
    kept = make()
    fill(kept, 5)
    path = tmp_path / "saved"
    kept.save(path, SESSION, 1)
    path.write_bytes(path.read_bytes()[:cut] if cut != -1 else path.read_bytes()[:-2])
    with pytest.raises(InvalidBody):
        read_spool(path)
