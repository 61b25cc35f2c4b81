"""What a builder session builds, as it is shown in items and details."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from roost.api.coder.shapes import Shape
from roost.api.coder.times import iso
from roost.model import library as lib


class SourceShape(Shape, frozen=True, kw_only=True):
    session_id: str
    label: str | UnsetType = UNSET


class TargetShape(Shape, frozen=True, kw_only=True):
    agent_id: str
    slug: str
    display_name: str | UnsetType = UNSET


class DurableShape(Shape, frozen=True, kw_only=True):
    """What there is of it in the library."""

    draft_agent_id: str | UnsetType = UNSET
    draft_agent_slug: str | UnsetType = UNSET
    last_published_version: int | UnsetType = UNSET


class ActionShape(Shape, frozen=True, kw_only=True):
    kind: str
    status: str
    occurred_at: str
    message: str | UnsetType = UNSET
    agent_id: str | UnsetType = UNSET
    agent_slug: str | UnsetType = UNSET
    published_version: int | UnsetType = UNSET


class ProposalShape(Shape, frozen=True, kw_only=True):
    """All that was proposed so far; lists may be empty."""

    slug: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    thinking_level: str | UnsetType = UNSET
    headless_compatible: bool | UnsetType = UNSET
    tools: tuple[str, ...] = ()
    service_tools: tuple[str, ...] = ()
    saved_skill_ids: tuple[str, ...] = ()
    saved_skills: tuple[()] = ()
    companion_agents: tuple[str, ...] = ()


class BuilderShape(Shape, frozen=True, kw_only=True):
    mode: str
    source_session: SourceShape | UnsetType = UNSET
    target_agent: TargetShape | UnsetType = UNSET
    durable: DurableShape | UnsetType = UNSET
    last_action: ActionShape | UnsetType = UNSET
    proposal: ProposalShape | UnsetType = UNSET


def builder_of(given: dict[str, Any] | UnsetType, *, whole: bool) -> BuilderShape | UnsetType:
    """`whole`: with the proposal."""
    if given is UNSET:
        return UNSET
    found = msgspec.convert(given, lib.Builder)
    return BuilderShape(
        mode=found.mode,
        source_session=UNSET
        if found.source is UNSET
        else SourceShape(session_id=found.source, label=found.source_label),
        target_agent=_target_of(found),
        durable=_durable_of(found),
        last_action=UNSET if found.last is UNSET else _action_of(found.last),
        proposal=UNSET if found.proposed is UNSET or not whole else _proposal_of(found.proposed),
    )


def _target_of(found: lib.Builder) -> TargetShape | UnsetType:
    """What it was to change from the beginning."""
    if found.made or found.persona is UNSET or found.slug is UNSET:
        return UNSET
    return TargetShape(agent_id=found.persona, slug=found.slug, display_name=found.display_name)


def _durable_of(found: lib.Builder) -> DurableShape | UnsetType:
    if found.persona is UNSET:
        return UNSET
    return DurableShape(
        draft_agent_id=found.persona, draft_agent_slug=found.slug, last_published_version=found.version
    )  # fmt: skip


def _action_of(last: lib.BuilderAction) -> ActionShape:
    return ActionShape(
        kind=last.action,
        status=last.status,
        occurred_at=iso(last.at),
        message=last.message,
        agent_id=last.persona,
        agent_slug=last.slug,
        published_version=last.version,
    )


def _proposal_of(said: lib.PersonaChange) -> ProposalShape:
    return ProposalShape(
        slug=said.slug,
        display_name=said.display_name,
        instructions=said.instructions,
        description=said.description,
        model=said.model,
        thinking_level=said.thinking or UNSET,
        headless_compatible=said.headless,
        tools=said.tools or (),
        service_tools=said.service_tools or (),
        saved_skill_ids=said.skills or (),
        companion_agents=said.companions or (),
    )
