"""Whatever is asked of a loop, and whatever becomes of its runs, in any order: it is never stuck, and never beyond what
it was given."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from roost.core.decisions import lost
from roost.model import commands as c
from roost.model import events as e
from roost.model.errors import RoostError
from roost.model.lifecycle import Phase
from roost.model.loops import LOOP_ENDS
from tests.core.test_loops import Looping, failed

Step = Callable[[Looping], object]


def asked(action: Any, **loop: Any) -> Step:
    return lambda looping: looping.ask(c.ChangeLoop(action=action, loop=c.LoopRequest(**loop) if loop else UNSET))


def ended(*bodies: e.Body) -> list[Step]:
    return [lambda looping, body=body: looping.end(body) for body in bodies]


def said(**about: Any) -> Step:
    return lambda looping: looping.say(**about)


def host_lost(looping: Looping) -> None:
    looping.commit(lost(looping.record, "host_dead", "the host's process is gone"))


def woken(looping: Looping) -> None:
    """By whatever woke it, its host comes."""
    looping.story.tell(e.RuntimeReady(epoch=looping.record.epoch))
    looping.settle()


def somebody(comes: bool) -> Step:
    return lambda looping: setattr(looping, "attended", comes)


STEPS: Final[dict[str, Step]] = {
    "start": asked("start", goal="another"), "pause": asked("pause"), "resume": asked("resume"),
    "cancel": asked("cancel"), "leave": asked("leave"), "fewer": asked("adjust", max_iterations=1),
    "more": asked("adjust", max_iterations=9, auto_continue=True), "by hand": asked("adjust", auto_continue=False),
    "go on": said(status="continue", next_action="next"), "reached": said(status="complete"),
    **dict(zip(("done", "aborted", "broken", "interrupted"), ended(
        e.RunComplete(), e.RunAborted(), failed("driver_failed"), failed("interrupted")), strict=True)),
    "prompt": lambda looping: looping.ask(c.Send(text="hello")),
    "queue": lambda looping: looping.ask(c.Send(text="later", delivery="queue")),
    "abort": lambda looping: looping.ask(c.Abort()), "sleep": lambda looping: looping.ask(c.Pause()),
    "wake": lambda looping: looping.ask(c.Resume()), "archive": lambda looping: looping.ask(c.Archive()),
    "lost": host_lost, "woken": woken, "alone": somebody(comes=False), "watched": somebody(comes=True),
}  # fmt: skip
OFTEN: Final = ("done", "done", "done", "done", "go on", "resume")
"""What a loop lives by comes more often than what ends it."""
LOOPS: Final = st.builds(
    e.Loop,
    max_iterations=st.one_of(st.just(UNSET), st.integers(1, 3)),
    auto_continue=st.booleans(),
    allow_detached=st.booleans(),
)


@given(LOOPS, st.booleans(), st.lists(st.sampled_from([*STEPS, *OFTEN]), max_size=25))
def test_a_loop_is_never_stuck_and_never_beyond_its_limits(loop: e.Loop, task: bool, steps: list[str]) -> None:
    looping = Looping(replace(loop, goal="all green"), task=task)
    for name in steps:
        before, record = looping.loop, looping.record
        with suppress(RoostError, AssertionError):  # it was not the moment for it
            STEPS[name](looping)
        after = looping.loop
        if looping.record.phase is Phase.ACTIVE and after.status in ("starting", "running"):
            assert looping.record.run is not UNSET or looping.record.pause_requested, steps
        if looping.record.phase in (Phase.PAUSED, Phase.ARCHIVED):
            assert after.status not in ("starting", "running"), steps
        if after.id == before.id:
            assert after.iteration - before.iteration in (0, 1), steps
            assert before.status not in LOOP_ENDS or after.status in (before.status, "idle"), steps
            most = before.loop.max_iterations
            assert after.iteration == before.iteration or most is UNSET or after.iteration <= most, steps
        assert looping.record.epoch >= record.epoch
