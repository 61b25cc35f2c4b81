"""How a session begins: what it is, that its host is being started, and its first run if it has a task."""

from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from roost.core.decisions import HUB, check_input
from roost.model import commands as c
from roost.model import events as e
from roost.model.addresses import CREDENTIALS, split_credentials
from roost.model.envelope import Draft, draft
from roost.model.errors import InvalidBody
from roost.model.ids import SessionId, new_message_id, new_run_id

LABEL_CHARS: Final = 80
"""Of a label that is made from the task."""


def first_events(
    session: SessionId, command: c.CreateSession, spec: e.WorkspaceSpec, agent: str, by: e.Principal
) -> list[Draft]:
    """What a new session's log begins with. Raises: InvalidBody, BodyTooLarge."""
    parts = () if command.input is UNSET else command.input
    if command.task is not UNSET:
        parts = (e.TextInput(text=command.task), *parts)
    task = " ".join(part.text for part in parts if isinstance(part, e.TextInput)).strip()
    timeouts = command.timeouts.settled()
    created = e.SessionCreated(
        session=session,
        label=_label(command, task),
        agent=agent,
        workspace=spec,
        owner=by,
        task=task or UNSET,
        model=command.model,
        visibility=command.visibility,
        tags=command.tags,
        metadata=command.metadata or UNSET,
        env=dict.fromkeys(command.env, "***") or UNSET,
        timeouts=timeouts if timeouts != e.Timeouts() else UNSET,
        policy=UNSET if command.policy is UNSET else command.policy.settled(),
    )
    drafts = [draft(created, by=by), draft(e.RuntimeStarting(epoch=1), by=HUB)]
    if parts:
        begun = e.RunStart(message=new_message_id(), input=check_input(parts))
        drafts.append(draft(begun, run=new_run_id(), by=by))
    return drafts


def credentials_apart(command: c.CreateSession) -> c.CreateSession:
    """The same with the credentials of the address to clone in its `env`, which is never served. Raises:
    WorkspaceInvalid."""
    if command.workspace.url is UNSET:
        return command
    address, credentials = split_credentials(command.workspace.url)
    if not credentials:
        return command
    workspace = replace(command.workspace, url=address)
    return replace(command, workspace=workspace, env=command.env | {CREDENTIALS: credentials})


def _label(command: c.CreateSession, task: str) -> str:
    if command.label is not UNSET:
        if not 0 < len(command.label.strip()) <= c.MAX_LABEL_CHARS:
            raise InvalidBody(f"label: 1 to {c.MAX_LABEL_CHARS} characters")
        return command.label
    line = " ".join(task.split()) or "untitled"
    return line if len(line) <= LABEL_CHARS else line[: LABEL_CHARS - 1].rstrip() + "…"
