"""The whole library, and what a session is given of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from anyio.abc import TaskGroup
from msgspec import UNSET, UnsetType

from roost.core.kits import settled
from roost.core.library.checks import check_repos
from roost.core.library.personas import Personas
from roost.core.library.preparing import Preparing
from roost.core.library.skills import Skills, joined
from roost.core.library.templates import Templates
from roost.model import events as e
from roost.model import library as lib
from roost.model.errors import InvalidBody
from roost.ports import Clock, Preparer, Store

T = TypeVar("T")


class Library:
    """Skills, templates and personas of a hub. `kit` is how a session gets them."""

    def __init__(self, store: Store, clock: Clock, preparer: Preparer, data: Path, tasks: TaskGroup) -> None:
        self.skills = Skills(store, clock)
        self.templates = Templates(store, clock, self.skills)
        self.personas = Personas(store, clock, self.skills)
        self.preparing = Preparing(self.templates, preparer, clock, data / "templates", tasks)
        self._preparer = preparer

    async def kit(self, request: lib.KitRequest, by: e.Principal) -> e.Kit:
        """What a session is given: copies of skills, what its template and its persona bring along.

        Raises: NotInLibrary: the template, a skill, a bucket; PersonaUnpublished; InvalidBody: too many skills;
        WorkspaceInvalid: a repository's address; BodyTooLarge: more than fits an event.
        """
        template = UNSET if request.template is UNSET else await self.templates.find(request.template, by)
        persona = None
        if request.default_agent is not UNSET:
            persona = await self.personas.working_as(request.default_agent, by)
        repos = _first(request.repos, UNSET if template is UNSET else template.repos)
        check_repos(repos)
        agents = _first(request.enabled_agents, UNSET if template is UNSET else template.enabled_agents)
        kit = e.Kit(
            default_agent=request.default_agent,
            enabled_agents=tuple(dict.fromkeys((*agents, *(persona.portrait.companions if persona else ())))),
            skills=await self._skills(request, template, persona, by),
            repos=repos,
            instructions=_instructions(template, persona),
            persona=UNSET if persona is None else _persona(persona),
            template=UNSET if template is UNSET else _template(template),
            wishes=_wishes(request, template),
            command=request.command,
        )
        return settled(kit)

    async def dependencies(self, wanted: Sequence[str]) -> lib.Dependencies:
        """Which of these packages there are. Raises: InvalidBody: too many; TimedOut."""
        if len(wanted) > lib.MAX_PICKED:
            raise InvalidBody(f"dependencies: at most {lib.MAX_PICKED}")
        return await self._preparer.packages(wanted)

    async def _skills(
        self,
        request: lib.KitRequest,
        template: lib.SavedTemplate | UnsetType,
        persona: lib.PersonaVersion | None,
        by: e.Principal,
    ) -> tuple[e.Skill, ...]:
        """What the caller names comes first, then the template's, which are its owner's, then the persona's."""
        asked = await self.skills.expand(request.skills, request.saved_skills, request.skill_buckets, by)
        brought: tuple[e.Skill, ...] = ()
        if template is not UNSET:
            brought = await self.skills.copies(template.skills, template.buckets, template.owner)
        return joined(asked, brought, persona.portrait.skills if persona else ())


def _first(asked: tuple[T, ...] | UnsetType, brought: tuple[T, ...] | UnsetType) -> tuple[T, ...]:
    return next((value for value in (asked, brought) if value is not UNSET), ())


def _wishes(request: lib.KitRequest, template: lib.SavedTemplate | UnsetType) -> dict[str, Any] | UnsetType:
    """The template's packages are wished for, too: no host installs them, and so the session tells."""
    brought = {"dependencies": template.dependencies} if template is not UNSET and template.dependencies else {}
    return brought | ({} if request.wishes is UNSET else request.wishes) or UNSET


def _instructions(
    template: lib.SavedTemplate | UnsetType, persona: lib.PersonaVersion | None
) -> e.Instructions | UnsetType:
    """What the template says, then what the persona is; in place of the agent's own prompt only if the template says
    so."""
    said = "" if template is UNSET else template.system_prompt.strip()
    mode = template.system_prompt_mode if template is not UNSET and said else "append"
    texts = [said, persona.portrait.instructions.strip() if persona else ""]
    text = "\n\n".join(filter(None, texts))
    return e.Instructions(text=text, mode=mode) if text else UNSET


def _persona(version: lib.PersonaVersion) -> e.Persona:
    made = version.portrait
    return e.Persona(
        agent=version.persona,
        slug=made.slug,
        version=version.version,
        model=made.model or UNSET,
        thinking=made.thinking,
        tools=(*made.tools, *made.service_tools),
    )


def _template(template: lib.SavedTemplate) -> e.Template:
    return e.Template(id=template.id, name=template.name, scope="user" if template.visibility == "private" else "org")
