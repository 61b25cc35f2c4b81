"""What observers were given: each connection the log itself from its cursor on, and all of it in the end."""

from bisect import bisect_right
from collections.abc import Iterator

from tests.fire.chaos.checker.story import Life, Story, Told, Visit
from tests.fire.chaos.history import Logged, Seen


def seen_alike(story: Story) -> Iterator[Told]:
    """Every connection gave what follows its cursor, each once, in the order of the log, and the same to everybody."""
    for life in story:
        yield from _same(life)
        ids = _coder_ids(life)
        for visit in life.visits:
            yield from _follows(visit, ids) if visit.attached.view == "coder" else _counts(visit)


def all_told(story: Story) -> Iterator[Told]:
    """Whoever is still connected when all is quiet has been given the last event."""
    for life in story:
        if not life.log:
            continue
        head, newest = life.log[-1].event, max(_coder_ids(life), default=0)
        for visit in life.visits:
            end = newest if visit.attached.view == "coder" else head.seq
            last = visit.seen[-1].seq if visit.seen else visit.attached.after or 0
            if not visit.over and last < end:
                proof = (visit.attached, *visit.seen[-1:], head)
                yield f"{visit} of {life.name} is connected and was never given what follows {last}, up to {end}", proof


def _same(life: Life) -> Iterator[Told]:
    """An event is the same for all, and the one that the log holds. The Coder view has ids and words of its own."""
    known: dict[tuple[bool, int], Logged | Seen] = {(False, line.event.seq): line.event for line in life.log}
    logged = bool(known)
    for visit in life.visits:
        theirs = visit.attached.view == "coder"
        for seen in visit.seen:
            first = known.setdefault((theirs, seen.seq), seen)
            if first.digest != seen.digest:
                yield f"{visit} of {life.name} was given another {seen.seq} than there is", (first, seen)
            elif logged and not theirs and first is seen:
                yield f"{visit} of {life.name} was given {seen.seq}, which the log does not hold", (seen,)


def _counts(visit: Visit) -> Iterator[Told]:
    """One more each time, from the cursor on."""
    last = visit.attached.after or 0
    for seen in visit.seen:
        if seen.seq != last + 1:
            proof = (visit.attached, seen)
            yield f"{visit} of {seen.session} was given {seen.seq} where {last + 1} was next", proof
        last = seen.seq


def _coder_ids(life: Life) -> list[int]:
    """Each id that anybody was given, rising."""
    return sorted({seen.seq for visit in life.visits if visit.attached.view == "coder" for seen in visit.seen})


def _follows(visit: Visit, ids: list[int]) -> Iterator[Told]:
    """Rising ids, and none left out that another observer was given. A cursor need not be an id itself."""
    last = visit.attached.after or 0
    place = bisect_right(ids, last)
    for seen in visit.seen:
        if place == len(ids) or seen.seq != ids[place]:
            wanted = ids[place] if place < len(ids) else "nothing"
            yield f"{visit} of {seen.session} was given {seen.seq} where {wanted} was next", (visit.attached, seen)
            place = bisect_right(ids, seen.seq)
        else:
            place += 1
