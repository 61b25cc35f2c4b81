"""How a session begins: what it is, that its host is being started, and its first run if it has a task."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from roost.core.decision import HUB
from roost.core.decisions import check_input
from roost.core.kits import settled
from roost.core.loops import check_goal
from roost.model import commands as c
from roost.model import events as e
from roost.model.addresses import CREDENTIALS, split_credentials
from roost.model.envelope import Draft, draft
from roost.model.errors import AgentNotConfigured, AgentUnknown, DriverUnknown, InvalidBody
from roost.model.ids import SessionId, new_message_id, new_run_id
from roost.model.mcp import split_secrets, without_secrets
from roost.model.repos import address_of, base_of, others_of

TERMINAL: Final = "terminal"
"""The agent of a session whose agent comes by itself, if it has no other name."""
LABEL_CHARS: Final = 80
"""Of a label that is made from the task."""


def first_events(
    session: SessionId, command: c.CreateSession, kit: e.Kit, spec: e.WorkspaceSpec, agent: str, by: e.Principal
) -> list[Draft]:
    """What a new session's log begins with. Raises: InvalidBody, BodyTooLarge."""
    parts = () if command.input is UNSET else command.input
    if command.task is not UNSET:
        parts = (e.TextInput(text=command.task), *parts)
    task = " ".join(part.text for part in parts if isinstance(part, e.TextInput)).strip()
    timeouts = command.timeouts.settled()
    kit = settled(kit)
    if command.loop is not UNSET:
        check_goal(command.loop, bool(task))
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
        env=dict.fromkeys(without_secrets(command.env), "***") or UNSET,
        timeouts=timeouts if timeouts != e.Timeouts() else UNSET,
        policy=UNSET if command.policy is UNSET else command.policy.settled(),
        mode=command.mode,
        driver=command.driver,
        kit=kit if kit != e.Kit() else UNSET,
        loop=UNSET if command.loop is UNSET else command.loop.settled(),
        sandbox=UNSET if (sandbox := command.sandbox.settled()) == e.SandboxSpec() else sandbox,
        mcp=split_secrets(command.mcp)[0],
    )
    first = check_input(parts) if parts else ()
    begins = _begins_away(first, by) if command.mode == "tui" else _begins(first, by)
    return [draft(created, by=by), *begins]


def _begins(first: tuple[e.InputPart, ...], by: e.Principal) -> list[Draft]:
    """A host is started for its agent; the first input is its first run."""
    drafts = [draft(e.RuntimeStarting(epoch=1), by=HUB)]
    if first:
        drafts.append(draft(e.RunStart(message=new_message_id(), input=first), run=new_run_id(), by=by))
    return drafts


def _begins_away(first: tuple[e.InputPart, ...], by: e.Principal) -> list[Draft]:
    """Its agent comes by itself, from a terminal; until then it sleeps, and the first input waits."""
    drafts = [draft(e.SessionPaused(reason="requested"), by=HUB)]
    if first:
        drafts.append(draft(e.Queued(message=new_message_id(), input=first), by=by))
    return drafts


def in_repository(command: c.CreateSession, kit: e.Kit) -> c.CreateSession:
    """The same in a clone of the kit's first repository, if it names no other place. Raises: WorkspaceInvalid."""
    if command.workspace != c.WorkspaceRequest() or not kit.repos:
        return command
    first = kit.repos[0]
    return replace(command, workspace=c.WorkspaceRequest(kind="clone", url=address_of(first), base=base_of(first)))


def with_others(spec: e.WorkspaceSpec, kit: e.Kit) -> e.WorkspaceSpec:
    """The same clone with the kit's other repositories in it, if it is one of the first. Raises: WorkspaceInvalid."""
    if spec.kind != "clone" or not kit.repos or spec.url != split_credentials(address_of(kit.repos[0]))[0]:
        return spec
    return replace(spec, others=others_of(kit.repos))


def secrets_apart(command: c.CreateSession) -> c.CreateSession:
    """The same with the secrets of its servers of tools, and the credentials of the address to clone, in its `env`,
    which is never served. Raises: WorkspaceInvalid."""
    command = replace(command, env=command.env | split_secrets(command.mcp)[1])
    if command.workspace.url is UNSET:
        return command
    address, credentials = split_credentials(command.workspace.url)
    if not credentials:
        return command
    workspace = replace(command.workspace, url=address)
    return replace(command, workspace=workspace, env=command.env | {CREDENTIALS: credentials})


def chosen_agent(command: c.CreateSession, default: str | None, known: Mapping[str, Sequence[str]]) -> str:
    """`known`: agents, and the drivers that each may have. Raises: AgentNotConfigured, AgentUnknown, DriverUnknown."""
    if command.mode == "tui" and command.agent is UNSET:
        return TERMINAL
    agent = default if command.agent is UNSET else command.agent
    if agent is None:
        raise AgentNotConfigured(known=list(known))
    if agent not in known:
        raise AgentUnknown(f"no agent is called {agent!r}; known: {', '.join(known)}", known=list(known))
    if command.driver is not UNSET and command.driver not in known[agent]:
        drivers = list(known[agent])
        raise DriverUnknown(f"{agent} has no driver {command.driver!r}; it has: {', '.join(drivers)}", known=drivers)
    return agent


def _label(command: c.CreateSession, task: str) -> str:
    if command.label is not UNSET:
        if not 0 < len(command.label.strip()) <= c.MAX_LABEL_CHARS:
            raise InvalidBody(f"label: 1 to {c.MAX_LABEL_CHARS} characters")
        return command.label
    line = " ".join(task.split()) or "untitled"
    return line if len(line) <= LABEL_CHARS else line[: LABEL_CHARS - 1].rstrip() + "…"
