"""The tasks of sub-agents, as far as a session's record keeps them."""

from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from roost.model.events import SubtaskEnd, SubtaskStart
from roost.model.ids import RunId, TaskId

MAX_TASKS: Final = 50
"""Tasks that a record keeps; the oldest that are over are forgotten first."""
MAX_SAID_CHARS: Final = 1000
"""Of a task's prompt, and of its result; the log has all of it."""


class Task(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sub-agent was asked, and what came of it. Times in ms."""

    task: TaskId
    agent: str
    started_at: int
    prompt: str = ""
    status: Literal["running", "completed", "failed", "aborted"] = "running"
    run: RunId | UnsetType = UNSET
    ended_at: int | UnsetType = UNSET
    result: str | UnsetType = UNSET


def with_start(tasks: tuple[Task, ...], body: SubtaskStart, at: int, run: RunId | UnsetType) -> tuple[Task, ...]:
    """A task begins; one that begins again is as new."""
    begun = Task(task=body.task, agent=body.agent, started_at=at, prompt=body.prompt[:MAX_SAID_CHARS], run=run)
    kept = [task for task in tasks if task.task != body.task]
    while len(kept) >= MAX_TASKS:
        kept.remove(next((task for task in kept if task.status != "running"), kept[0]))
    return (*kept, begun)


def with_end(tasks: tuple[Task, ...], body: SubtaskEnd, at: int) -> tuple[Task, ...]:
    """A task is over; what never began, or is over already, changes nothing."""
    result = UNSET if body.result is UNSET else body.result[:MAX_SAID_CHARS]
    return tuple(
        replace(task, status=body.status, ended_at=at, result=result)
        if task.task == body.task and task.status == "running"
        else task
        for task in tasks
    )


def cut(tasks: tuple[Task, ...], at: int) -> tuple[Task, ...]:
    """The run is over, and with it what its sub-agents were at."""
    if all(task.status != "running" for task in tasks):
        return tasks
    return tuple(replace(t, status="aborted", ended_at=at) if t.status == "running" else t for t in tasks)
