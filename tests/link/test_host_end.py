"""Both ends of the link in memory: whatever is cut and whenever, nothing is lost and nothing comes twice."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Raw

from roost.link.frames import (
    MAX_APPEND_BYTES,
    MAX_APPEND_EVENTS,
    MAX_CAPABILITIES_BYTES,
    Ack,
    AppendFrame,
    Beat,
    Commands,
    Hello,
    Ready,
    Welcome,
    decode_from_host,
    decode_from_hub,
    encode_frame,
)
from roost.link.host_end import WINDOW_FRAMES, HostEnd, Link
from roost.link.hub_end import HubEnd
from roost.link.spool import Spool
from roost.model.envelope import Event, decode_body, encode_body
from roost.model.errors import BodyTooLarge, SpoolFull
from roost.model.events import MAX_BODY_BYTES, Native, Steered
from roost.model.ids import RunId, SessionId, new_message_id
from roost.model.lifecycle import COMMANDS

SESSION = SessionId("codesess_0123456789ab")
RUN = RunId("run_1")
STARTING = 3


def host_end(folder: Path, *, memory: int = 1 << 20, disk: int = 1 << 20, reserve: int = 4096) -> HostEnd:
    spool = Spool(folder / "spool.tmp", memory_bytes=memory, disk_bytes=disk, reserve_bytes=reserve)
    return HostEnd(SESSION, 1, spool, pid=1)


@pytest.fixture
def end(tmp_path: Path) -> Iterator[HostEnd]:
    end = host_end(tmp_path)
    yield end
    end.spool.close()


def welcomed(end: HostEnd, acked: int = 0) -> HostEnd:
    end.connected()
    end.receive(Welcome(protocol=1, acked=acked, starting=STARTING))
    return end


def appends(end: HostEnd) -> list[AppendFrame]:
    return [frame for frame in end.outgoing() if isinstance(frame, AppendFrame)]


def command(seq: int) -> Event:
    return Event(seq=seq, at=0, raw=Raw(encode_body(Steered(message=new_message_id(), input=()))), run=RUN)


def body(number: int) -> bytes:
    return msgspec.json.encode({"type": "note", "n": number})


# --- the machine, by example ------------------------------------------------------------------------------------------


def test_what_the_agent_can_do_is_told_once_on_each_connection_whenever_it_is_known(end: HostEnd) -> None:
    able = {"steer": True}
    assert end.connected().capabilities == {}
    end.able(able)
    assert end.outgoing() == []
    end.receive(Welcome(protocol=1, acked=0, starting=STARTING))
    assert end.outgoing() == [Ready(capabilities=able)]
    end.disconnected()
    assert end.connected().capabilities == able
    end.receive(Welcome(protocol=1, acked=0, starting=STARTING))
    assert end.outgoing() == []
    with pytest.raises(BodyTooLarge):
        end.able({"x": "x" * MAX_CAPABILITIES_BYTES})
    assert end.capabilities == able


def test_nothing_is_sent_before_the_hub_says_welcome(end: HostEnd) -> None:
    end.produce(body(1))
    assert end.outgoing() == []
    assert end.connected() == Hello(protocol=1, session=SESSION, epoch=1, pid=1, produced=1)
    assert end.outgoing() == []


def test_events_are_numbered_from_one_and_sent_in_order(end: HostEnd) -> None:
    assert [end.produce(body(n), RUN) for n in (1, 2, 3)] == [1, 2, 3]
    (frame,) = appends(welcomed(end))
    assert (frame.first, [bytes(e.body) for e in frame.events]) == (1, [body(1), body(2), body(3)])
    assert {e.run for e in frame.events} == {RUN}


def test_an_acknowledged_event_is_forgotten_and_never_sent_again(end: HostEnd) -> None:
    end.produce(body(1))
    end.produce(body(2))
    welcomed(end).outgoing()
    end.receive(Ack(acked=1, seq=9))
    end.disconnected()
    assert end.unacknowledged == 1
    (frame,) = appends(welcomed(end, acked=1))
    assert (frame.first, [bytes(e.body) for e in frame.events]) == (2, [body(2)])


def test_a_welcome_drops_what_arrived_although_its_ack_was_lost(end: HostEnd) -> None:
    for n in range(5):
        end.produce(body(n))
    welcomed(end).outgoing()
    end.disconnected()
    (frame,) = appends(welcomed(end, acked=3))
    assert frame.first == 4
    assert len(frame.events) == 2


def test_frames_and_the_window_are_bounded(end: HostEnd) -> None:
    for n in range(MAX_APPEND_EVENTS * (WINDOW_FRAMES + 2)):
        end.produce(body(n))
    frames = appends(welcomed(end))
    assert [len(frame.events) for frame in frames] == [MAX_APPEND_EVENTS] * WINDOW_FRAMES
    assert appends(end) == []
    end.receive(Ack(acked=MAX_APPEND_EVENTS, seq=1))
    assert [frame.first for frame in appends(end)] == [MAX_APPEND_EVENTS * WINDOW_FRAMES + 1]


def test_a_frame_holds_at_most_a_megabyte_of_bodies(tmp_path: Path) -> None:
    end = host_end(tmp_path, memory=1 << 23)
    big = msgspec.json.encode({"type": "note", "text": "x" * 200_000})
    for _ in range(12):
        end.produce(big)
    frames = appends(welcomed(end))
    assert [len(frame.events) for frame in frames] == [5, 5, 2]
    assert all(sum(len(e.body) for e in frame.events) <= MAX_APPEND_BYTES for frame in frames)


def test_bytes_that_are_no_json_become_native(end: HostEnd) -> None:
    end.produce(b'{"type": "text-delta", oops')
    (frame,) = appends(welcomed(end))
    native = decode_body(frame.events[0].body)
    assert isinstance(native, Native)
    assert native.raw == '{"type": "text-delta", oops'


def test_a_body_too_large_for_the_log_becomes_native_without_its_content(end: HostEnd) -> None:
    end.produce(msgspec.json.encode({"type": "note", "text": "x" * MAX_BODY_BYTES}))
    (frame,) = appends(welcomed(end))
    native = decode_body(frame.events[0].body)
    assert isinstance(native, Native)
    assert native.raw is None


def test_a_body_of_several_lines_is_sent_as_one(end: HostEnd) -> None:
    end.produce(b'{\n  "type": "note"\n}')
    (frame,) = appends(welcomed(end))
    assert bytes(frame.events[0].body) == b'{   "type": "note" }'


def test_the_cursor_begins_at_runtime_starting_and_commands_come_once(end: HostEnd) -> None:
    welcomed(end)
    assert end.read == STARTING
    assert [e.seq for e in end.receive(Commands(cursor=7, events=[command(5), command(7)]))] == [5, 7]
    assert end.connected().read == 7
    again = end.receive(Commands(cursor=9, events=[command(5), command(7), command(9)]))
    assert [e.seq for e in again] == [9]


def test_an_empty_batch_of_commands_moves_the_cursor(end: HostEnd) -> None:
    welcomed(end)
    assert end.receive(Commands(cursor=400)) == []
    assert end.read == 400


def test_a_refused_host_stays_refused(end: HostEnd) -> None:
    welcomed(end)
    end.produce(body(1))
    end.refuse("stale_epoch")
    end.disconnected()
    assert (end.link, end.outgoing()) == (Link.REFUSED, [])
    assert end.refusal is not None
    assert end.unacknowledged == 1


def test_a_hub_that_has_more_than_we_made_has_another_host(end: HostEnd) -> None:
    welcomed(end, acked=1)
    assert end.link is Link.REFUSED


def test_requests_and_beats_need_a_connection(end: HostEnd) -> None:
    end.say(Beat())
    assert welcomed(end).outgoing() == []
    end.say(Beat())
    assert end.outgoing() == [Beat()]


# --- the machine, by force --------------------------------------------------------------------------------------------


class Wires(RuleBasedStateMachine):
    """A host end and a hub end with two wires between them, cut at any instant."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.host = host_end(Path(self.folder.name), memory=700, disk=2500, reserve=600)
        self.hub: HubEnd | None = None
        self.greeted = False
        self.made: list[bytes] = []
        self.log: list[bytes | Event] = [b""] * STARTING
        self.committed: list[bytes] = []
        self.given: list[int] = []
        self.asked: list[int] = []
        self.up: list[bytes] = []
        self.down: list[bytes] = []

    @initialize(limit=st.sampled_from([700, 20_000]))
    def spool(self, limit: int) -> None:
        path = Path(self.folder.name) / "spool.tmp"
        self.host.spool = Spool(path, memory_bytes=limit, disk_bytes=2500, reserve_bytes=600)

    def teardown(self) -> None:
        if self.hub is None:
            self.connect()
        for _ in range(10_000):
            if not (self.up or self.down or self._moved()):
                break
            self.to_hub(len(self.up))
            self.to_host(len(self.down))
        assert self.committed == self.made
        assert self.given == self.asked
        assert self.host.unacknowledged == 0
        self.host.spool.close()
        assert list(Path(self.folder.name).iterdir()) == []
        self.folder.cleanup()

    def _moved(self) -> bool:
        self.up += [encode_frame(frame) for frame in self.host.outgoing()]
        if self.hub is not None:
            self.down += self.hub.take()
        return bool(self.up or self.down)

    @rule(count=st.integers(1, 40), size=st.integers(0, 300), last=st.booleans())
    def produce(self, count: int, size: int, last: bool) -> None:
        for _ in range(count):
            raw = msgspec.json.encode({"type": "note", "n": len(self.made), "text": "x" * size})
            try:
                self.host.produce(raw, RUN, last_words=last)
            except SpoolFull:
                return
            self.made.append(raw)

    @rule()
    def command(self) -> None:
        event = command(len(self.log) + 1)
        self.log.append(event)
        self.asked.append(event.seq)
        if self.hub is not None and self.greeted:
            self.hub.committed([event], event.seq)

    @precondition(lambda self: self.hub is None)
    @rule()
    def connect(self) -> None:
        self.up, self.down = [encode_frame(self.host.connected())], []
        self.hub, self.greeted = HubEnd(), False

    @rule()
    def cut(self) -> None:
        self.hub, self.up, self.down = None, [], []
        self.host.disconnected()

    @rule(count=st.integers(1, 12))
    def to_hub(self, count: int) -> None:
        self._moved()
        frames, self.up = self.up[:count], self.up[count:]
        for raw in frames:
            self._take(raw)

    def _take(self, raw: bytes) -> None:
        assert self.hub is not None
        match decode_from_host(raw):
            case Hello(read=read):
                self.greeted = True
                cursor = max(read, STARTING)
                self.hub.welcome(acked=len(self.committed), starting=STARTING, cursor=cursor)
                later = [event for event in self.log[cursor:] if isinstance(event, Event)]
                self.hub.committed([event for event in later if type(event.body) in COMMANDS], len(self.log))
            case AppendFrame(first=first, events=events):
                assert first <= len(self.committed) + 1, "a gap"
                fresh = [bytes(event.body) for event in events[len(self.committed) + 1 - first :]]
                self.committed += fresh
                self.log += fresh
                self.hub.acknowledge(len(self.committed), len(self.log))
                self.hub.committed([], len(self.log))
            case _:
                raise AssertionError(raw)

    @rule(count=st.integers(1, 12))
    def to_host(self, count: int) -> None:
        self._moved()
        frames, self.down = self.down[:count], self.down[count:]
        for raw in frames:
            self.given += [event.seq for event in self.host.receive(decode_from_hub(raw))]

    @invariant()
    def the_log_is_a_prefix_of_what_was_made(self) -> None:
        assert self.committed == self.made[: len(self.committed)]
        assert self.given == self.asked[: len(self.given)]

    @invariant()
    def what_is_kept_is_exactly_what_is_not_known_to_be_committed(self) -> None:
        kept = [bytes(event.body) for _, event in self.host.spool.events()]
        assert kept == self.made[self.host.spool.acked :]
        assert [seq for seq, _ in self.host.spool.events()] == list(
            range(self.host.spool.acked + 1, len(self.made) + 1)
        )


TestWires = Wires.TestCase
