"""What may be wrong with a history: one damage to one that keeps every promise, by the rule that must find it."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from tests.fire.chaos.history import Answered, Attached, Entry, Invoked, Left, Logged, Seen
from tests.fire.histories import Made, Session

E = TypeVar("E", bound=Entry)
ENDS: Final = ("run-complete", "run-aborted", "run-error")


def body_of(event: Logged) -> dict[str, Any]:
    return msgspec.json.decode(event.body)


def changed(event: Logged, **fields: Any) -> Logged:
    """With another body."""
    return replace(event, body=Raw(msgspec.json.encode(body_of(event) | fields)))


def events(session: Session, *kinds: str) -> list[Logged]:
    """Of these types."""
    return [event for event in session.log if body_of(event)["type"] in kinds]


def stamp(event: Logged) -> tuple[int, ...]:
    """Epoch and number of a played host's event; of others nothing."""
    epoch, _, number = body_of(event).get("produced", "").partition(":")
    return (int(epoch), int(number)) if number else ()


def played(session: Session) -> list[Logged]:
    """What played hosts have said."""
    return [event for event in session.log if stamp(event)]


def put(session: Session, log: Sequence[Logged]) -> None:
    """Another log in its place, numbered from 1."""
    session.log = [replace(event, seq=number) for number, event in enumerate(log, 1)]


def without(session: Session, gone: Logged) -> None:
    put(session, [event for event in session.log if event is not gone])


def beside(session: Session, there: Logged, *more: Logged) -> None:
    """More of the log, right after this."""
    put(session, [one for event in session.log for one in ((event, *more) if event is there else (event,))])


def told(session: Session, kind: type[E], test: Callable[[E], bool] = lambda _: True) -> list[E]:
    return [entry for entry in session.told if isinstance(entry, kind) and test(entry)]


def instead(session: Session, old: Entry, *new: Entry) -> None:
    session.told = [one for entry in session.told for one in (new if entry is old else (entry,))]


def acknowledged(session: Session, kind: str) -> list[Invoked]:
    ok = {entry.op for entry in told(session, Answered, lambda entry: entry.outcome == "ok")}
    return told(session, Invoked, lambda entry: entry.kind == kind and entry.op in ok)


def seen_by_others(session: Session, random: Random) -> Seen:
    """Something in the middle of what somebody was given in one go: the next of theirs follows it."""
    pairs = zip(session.told, session.told[1:], strict=False)
    return random.choice([one for one, two in pairs if isinstance(one, Seen) and isinstance(two, Seen)])


def hole(_: Made, session: Session, random: Random) -> None:
    at = random.randrange(1, len(session.log) - 1)
    session.log = session.log[:at] + session.log[at + 1 :]


def swapped_numbers(_: Made, session: Session, random: Random) -> None:
    at = random.randrange(1, len(session.log))
    session.log[at - 1], session.log[at] = session.log[at], session.log[at - 1]


def no_beginning(_: Made, session: Session, __: Random) -> None:
    put(session, session.log[1:])


def no_log(_: Made, session: Session, __: Random) -> None:
    session.log = []


def lost_event(_: Made, session: Session, random: Random) -> None:
    without(session, random.choice(played(session)))


def lost_tail(_: Made, session: Session, __: Random) -> None:
    put(session, session.log[:-1])


def short_run(_: Made, session: Session, random: Random) -> None:
    last = {event.run: event for event in events(session, "text-delta") if not stamp(event)}
    without(session, random.choice(list(last.values())))


def twice(_: Made, session: Session, random: Random) -> None:
    event = random.choice(played(session))
    beside(session, event, event)


def twice_scripted(_: Made, session: Session, random: Random) -> None:
    event = random.choice([one for one in events(session, "text-delta") if not stamp(one)])
    beside(session, event, event)


def disorder(_: Made, session: Session, __: Random) -> None:
    """The last two change their places: a history ends with what a played host says."""
    put(session, [*session.log[:-2], session.log[-1], session.log[-2]])


def skipped(_: Made, session: Session, __: Random) -> None:
    session.append("text-delta")
    session.log[-1] = changed(session.log[-1], produced=f"{session.epoch}:{session.produced + 5}")


def stale_event(_: Made, session: Session, __: Random) -> None:
    """What an old host said after its time."""
    old = session.epoch - 2
    numbers = [number for epoch, number in map(stamp, played(session)) if epoch == old]
    session.record("native", raw=f'{{"type":"text-delta","produced":"{old}:{max(numbers, default=0) + 1}"}}')


def stale_acknowledgement(_: Made, session: Session, __: Random) -> None:
    newest = acknowledged(session, "append")[-1]
    answer = told(session, Answered)[-1]
    late = replace(newest, op=-1, at=answer.at + 1, mark=f"{session.epoch - 2}:1-1")
    session.told += [late, Answered(op=-1, at=answer.at + 2, outcome="ok")]


def old_epoch_again(_: Made, session: Session, __: Random) -> None:
    session.record("runtime-starting", epoch=session.epoch)


def unseen(_: Made, session: Session, random: Random) -> None:
    instead(session, seen_by_others(session, random))


def seen_again(_: Made, session: Session, random: Random) -> None:
    seen = seen_by_others(session, random)
    instead(session, seen, seen, seen)


def seen_otherwise(_: Made, session: Session, random: Random) -> None:
    seen = random.choice(told(session, Seen))
    instead(session, seen, replace(seen, digest="another"))


def seen_in_disorder(_: Made, session: Session, random: Random) -> None:
    seen = seen_by_others(session, random)
    at = next(place for place, entry in enumerate(session.told) if entry is seen)
    session.told[at], session.told[at + 1] = session.told[at + 1], session.told[at]


def seen_nowhere(_: Made, session: Session, __: Random) -> None:
    last = session.log[-1].seq
    who = Attached(who="olga", session=session.name, view="sdk", after=last)
    phantom = Seen(who="olga", session=session.name, seq=last + 1, digest="phantom")
    session.told += [who, phantom]


def left_waiting(_: Made, session: Session, __: Random) -> None:
    view = "sse"
    last = told(session, Seen, lambda seen: seen.who.endswith(view) and seen.seq == session.log[-1].seq)[-1]
    instead(session, last)


def left_waiting_for_all(_: Made, session: Session, __: Random) -> None:
    session.told.append(Attached(who="olga", session=session.name, view="socket"))


def forgotten_command(_: Made, session: Session, random: Random) -> None:
    op = random.choice([op for kind in ("send", "steer", "label") for op in acknowledged(session, kind)])
    put(session, [event for event in session.log if op.mark.encode() not in bytes(event.body)])


def doubled_command(_: Made, session: Session, random: Random) -> None:
    op = random.choice(acknowledged(session, "steer"))
    event = next(event for event in events(session, "steered") if op.mark.encode() in bytes(event.body))
    beside(session, event, changed(event, message="another"))


def refused_command(_: Made, session: Session, random: Random) -> None:
    op = random.choice(acknowledged(session, "label"))
    answer = next(entry for entry in told(session, Answered) if entry.op == op.op)
    instead(session, answer, replace(answer, outcome="refused"))


def doubled_run(_: Made, session: Session, __: Random) -> None:
    start = events(session, "run-start")[0]
    session.record("run-start", run="again", **{k: v for k, v in body_of(start).items() if k != "type"})
    session.record("run-complete", run="again")


def another_run(_: Made, session: Session, random: Random) -> None:
    answer = random.choice(told(session, Answered, lambda entry: bool(entry.run)))
    instead(session, answer, replace(answer, run="another"))


def too_late(_: Made, session: Session, __: Random) -> None:
    """The last command that was answered comes after what followed it."""
    marks = [op.mark.encode() for op in acknowledged(session, "label")]
    event = next(one for one in reversed(session.log) if any(mark in bytes(one.body) for mark in marks))
    put(session, [*(one for one in session.log if one is not event), event])


def answered_by_two(_: Made, session: Session, random: Random) -> None:
    answers = {op.op for op in told(session, Invoked, lambda op: op.kind == "answer")}
    refused = random.choice(told(session, Answered, lambda a: a.op in answers and a.outcome == "refused"))
    instead(session, refused, replace(refused, outcome="ok"))


def replied_twice(_: Made, session: Session, random: Random) -> None:
    event = random.choice(events(session, "permission-replied"))
    beside(session, event, event)


def never_replied(_: Made, session: Session, random: Random) -> None:
    without(session, random.choice(events(session, "permission-replied")))


def never_asked(_: Made, session: Session, random: Random) -> None:
    without(session, random.choice(events(session, "permission-asked")))


def asked_twice(_: Made, session: Session, random: Random) -> None:
    event = random.choice(events(session, "permission-asked"))
    beside(session, event, event)


def ended_twice(_: Made, session: Session, random: Random) -> None:
    event = random.choice(events(session, *ENDS))
    beside(session, event, changed(event, produced=""))


def never_ended(_: Made, session: Session, random: Random) -> None:
    without(session, random.choice(events(session, *ENDS)))


def never_begun(_: Made, session: Session, random: Random) -> None:
    without(session, random.choice(events(session, "run-start")))


def begun_twice(_: Made, session: Session, random: Random) -> None:
    event = random.choice(events(session, "run-start"))
    beside(session, event, event)


def said_after_the_end(_: Made, session: Session, random: Random) -> None:
    event = random.choice([event for event in events(session, "text-delta") if event.run])
    put(session, [*(one for one in session.log if one is not event), event])


def busy(made: Made, *_: Any) -> None:
    made.rested[0] = replace(made.rested[0], is_busy=True)


def half_awake(made: Made, *_: Any) -> None:
    made.rested[0] = replace(made.rested[0], phase="resuming")


def asking(made: Made, *_: Any) -> None:
    made.rested[0] = replace(made.rested[0], pending=("request",))


def another_epoch(made: Made, *_: Any) -> None:
    made.rested[0] = replace(made.rested[0], epoch=made.rested[0].epoch + 1)


def another_phase(made: Made, *_: Any) -> None:
    made.rested[0] = replace(made.rested[0], phase="paused")


def not_at_rest(made: Made, *_: Any) -> None:
    del made.rested[0]


def process_left(made: Made, *_: Any) -> None:
    made.more.append(Left(kind="process", what="123 sleep"))


Damage = Callable[[Made, Session, Random], None]
DAMAGES: Final[dict[str, tuple[Damage, ...]]] = {
    "no-gap": (hole, swapped_numbers, no_beginning, no_log),
    "nothing-lost": (lost_event, lost_tail, short_run),
    "nothing-doubled": (twice, twice_scripted),
    "whole-order": (disorder, skipped),
    "one-writer": (stale_event, stale_acknowledgement, old_epoch_again),
    "seen-alike": (unseen, seen_again, seen_otherwise, seen_in_disorder, seen_nowhere),
    "all-told": (left_waiting, left_waiting_for_all),
    "effective-once": (forgotten_command, doubled_command, refused_command, doubled_run, another_run),
    "as-answered": (too_late,),
    "decided-once": (answered_by_two, replied_twice, never_replied, never_asked, asked_twice),
    "one-end": (ended_twice, never_ended, never_begun, begun_twice, said_after_the_end),
    "nothing-stuck": (busy, half_awake, asking, another_epoch, another_phase, not_at_rest),
    "nothing-left": (process_left,),
}
"""By the rule that must find them."""
ALL: Final = [(rule, damage) for rule, damages in DAMAGES.items() for damage in damages]
