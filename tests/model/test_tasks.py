"""The tasks of sub-agents in a session's record."""

from msgspec import UNSET

from roost.model.events import SubtaskEnd, SubtaskStart
from roost.model.ids import RunId, TaskId
from roost.model.tasks import Task, cut, with_end, with_start

A, B = TaskId("task_a"), TaskId("task_b")
RUN = RunId("run_1")


def begun(*names: TaskId) -> tuple[Task, ...]:
    tasks: tuple[Task, ...] = ()
    for at, name in enumerate(names, 1):
        tasks = with_start(tasks, SubtaskStart(task=name, agent="scout", prompt="look"), at, RUN)
    return tasks


def test_a_task_runs_until_it_ends_with_what_it_found() -> None:
    running, other = with_end(begun(A, B), SubtaskEnd(task=A, result="found"), 5)
    assert running == Task(
        task=A, agent="scout", prompt="look", run=RUN, started_at=1, status="completed", ended_at=5, result="found"
    )
    assert (other.status, other.ended_at, other.result) == ("running", UNSET, UNSET)


def test_what_never_began_or_is_over_changes_nothing() -> None:
    over = with_end(begun(A), SubtaskEnd(task=A, status="failed"), 5)
    assert with_end(over, SubtaskEnd(task=A, result="late"), 6) == over
    assert with_end(over, SubtaskEnd(task=B), 6) == over


def test_a_task_that_begins_again_is_as_new() -> None:
    over = with_end(begun(A, B), SubtaskEnd(task=A, result="found"), 5)
    again = with_start(over, SubtaskStart(task=A, agent="scout"), 7, UNSET)
    assert [(task.task, task.status, task.started_at) for task in again] == [(B, "running", 2), (A, "running", 7)]
    assert again[-1].result is UNSET


def test_what_still_runs_is_cut_with_its_run() -> None:
    tasks = with_end(begun(A, B), SubtaskEnd(task=A), 5)
    after = cut(tasks, 9)
    assert [(task.status, task.ended_at) for task in after] == [("completed", 5), ("aborted", 9)]
    assert cut(after, 10) is after
