"""What a body of Coder's asks of the core: the commands that make and change a session."""

from typing import Any, Final

from msgspec import UNSET, UnsetType, to_builtins

from roost.api.coder import shapes
from roost.api.coder.repos import given_repos, workspace_of
from roost.core.hub import Hub
from roost.model import commands as c
from roost.model import events as e

DURATIONS: Final = ("idle", "execution", "paused")


def create_command(hub: Hub, body: shapes.CreateBody, by: e.Principal) -> c.CreateSession:
    """Raises: InvalidBody, WorkspaceInvalid."""
    repos = given_repos(body.repo, body.repos)
    named = body.agent if body.default_agent is UNSET else body.default_agent
    return c.CreateSession(
        task=body.task,
        agent=_own_agent(hub, named),
        label=_label(body.label),
        workspace=workspace_of(() if repos is UNSET else repos),
        visibility="private" if body.visibility is UNSET else body.visibility,
        tags=body.tags,
        metadata=body.metadata,
        env=body.env,
        timeouts=_timeouts(body.timeout),
    )


def update_command(body: shapes.UpdateBody) -> c.Update:
    return c.Update(label=body.label, visibility=body.visibility, tags=body.tags, metadata=body.metadata)


def wishes_of(body: shapes.CreateBody) -> dict[str, Any] | UnsetType:
    """What was asked of the runtime, as it was written."""
    given: dict[str, Any] = to_builtins(body)
    names = dict(zip(body.__struct_fields__, body.__struct_encode_fields__, strict=True))
    wishes = {names[name]: given[names[name]] for name in shapes.WISHES if names[name] in given}
    if body.command is not UNSET and body.command.exec:
        wishes["command"] = body.command.exec
    return wishes or UNSET


def _own_agent(hub: Hub, named: str | UnsetType) -> str | UnsetType:
    """The agent of this hub that is named; any other name is the session's preference, and the hub's default runs."""
    return named if named in [name for name, _ in hub.agents()] else UNSET


def _label(label: str | UnsetType) -> str | UnsetType:
    """A blank label is none: it is made from the task."""
    return label if label is not UNSET and label.strip() else UNSET


def _timeouts(timeout: shapes.TimeoutBody) -> c.TimeoutsRequest:
    return c.TimeoutsRequest(**{name: getattr(timeout, name) for name in DURATIONS})
