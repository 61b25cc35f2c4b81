"""The library: what sessions can be given to work with, kept for the next one.

A *skill* is a SKILL.md that was saved; a *bucket* names several of them. A *template* is a saved workspace:
repositories, a setup script, what its agents are told. A *persona* is a custom agent: a draft that its owner changes,
and versions of it that never change. `...Request` makes one, `...Change` changes what is present in it.
"""

from typing import Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from roost.model.events import InitialCommand, Principal, Skill

MAX_NAME_CHARS: Final = 200
"""Of a name, an id that the caller chooses, a package or a tool."""
MAX_LINE_CHARS: Final = 2000
"""Of a description or an address."""
MAX_TEXT_BYTES: Final = 64 * 1024
"""Of a SKILL.md, a setup script, a system prompt or instructions."""
MAX_PICKED: Final = 100
"""Skills, agents, tools or packages that are named in one place."""
MAX_REPOS: Final = 20
MAX_REPO_BYTES: Final = 8 * 1024
"""Of what is said about one repository, as JSON."""
MAX_COMMAND_WORDS: Final = 200
MAX_COMMAND_BYTES: Final = 32 * 1024
"""Of an initial command, all its words together."""
MAX_KIT_BYTES: Final = 192 * 1024
"""Of the whole kit of a session, as JSON: it is part of one event."""

Visibility = Literal["private", "organization"]
"""Who may see and use it beside its owner, who alone may change it: nobody; everybody of the owner's organisation."""
Thinking = Literal["off", "minimal", "low", "medium", "high", "xhigh"]
Mode = Literal["append", "overwrite"]


class KitRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a new session is to work with; `Library.kit` makes an `events.Kit` of it.

    `template` brings along what it holds; what is present here wins over it, and skills are joined. `saved_skills` and
    `skill_buckets`: ids of the library. `repos`, `wishes`: kept as they are written. A `default_agent` that is a
    published persona makes the session work as that persona."""

    default_agent: str | UnsetType = UNSET
    enabled_agents: tuple[str, ...] | UnsetType = UNSET
    skills: tuple[Skill, ...] = ()
    saved_skills: tuple[str, ...] = ()
    skill_buckets: tuple[str, ...] = ()
    repos: tuple[dict[str, Any], ...] | UnsetType = UNSET
    template: str | UnsetType = UNSET
    wishes: dict[str, Any] | UnsetType = UNSET
    command: InitialCommand | UnsetType = UNSET


class Saved(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What everything in the library has. Times in ms."""

    id: str
    owner: Principal
    created_at: int
    updated_at: int
    visibility: Visibility = "private"


# --- skills -----------------------------------------------------------------------------------------------------------


class SkillRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Save a skill; the same `repo` and `skill` again is the same entry. `content`: its SKILL.md."""

    repo: str
    skill: str
    name: str
    description: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    source: str = "registry"
    content: str | UnsetType = UNSET
    visibility: Visibility = "private"


class SavedSkill(Saved, frozen=True, kw_only=True):
    repo: str
    skill: str
    name: str
    description: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    source: str = "registry"
    content: str | UnsetType = UNSET


class BucketRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Name several saved skills. `skills`: their ids."""

    name: str
    description: str | UnsetType = UNSET
    skills: tuple[str, ...] = ()
    visibility: Visibility = "private"


class Bucket(Saved, frozen=True, kw_only=True):
    name: str
    description: str | UnsetType = UNSET
    skills: tuple[str, ...] = ()


# --- templates --------------------------------------------------------------------------------------------------------


class TemplateRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A saved workspace; it holds something beside its name. `dependencies`: Debian packages (`name` or
    `name=version`): checked, and reported, but never installed on the host. `setup_script` runs when the template's
    folder is prepared. `skills`, `buckets`: ids of the library."""

    name: str
    description: str | UnsetType = UNSET
    repos: tuple[dict[str, Any], ...] = ()
    dependencies: tuple[str, ...] = ()
    setup_script: str = ""
    system_prompt: str = ""
    system_prompt_mode: Mode = "append"
    skills: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    enabled_agents: tuple[str, ...] = ()
    visibility: Visibility = "private"


class TemplateChange(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Only what is present changes, and is replaced as a whole. An empty text takes it away."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    repos: tuple[dict[str, Any], ...] | UnsetType = UNSET
    dependencies: tuple[str, ...] | UnsetType = UNSET
    setup_script: str | UnsetType = UNSET
    system_prompt: str | UnsetType = UNSET
    system_prompt_mode: Mode | UnsetType = UNSET
    skills: tuple[str, ...] | UnsetType = UNSET
    buckets: tuple[str, ...] | UnsetType = UNSET
    enabled_agents: tuple[str, ...] | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET


class Preparation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The folder that sessions of a template begin with: its repositories cloned, its setup script run. `build`: what
    this is about; `ready`: the build whose folder is in use, also while the next one is made. `config`: a hash of what
    they are made from. Times in ms: when it was asked for, when its building began, when the status changed."""

    status: Literal["none", "queued", "building", "ready", "failed"] = "none"
    build: str | UnsetType = UNSET
    ready: str | UnsetType = UNSET
    config: str | UnsetType = UNSET
    requested_at: int | UnsetType = UNSET
    created_at: int | UnsetType = UNSET
    updated_at: int | UnsetType = UNSET
    error: str | UnsetType = UNSET


class SavedTemplate(Saved, frozen=True, kw_only=True):
    name: str
    description: str | UnsetType = UNSET
    repos: tuple[dict[str, Any], ...] = ()
    dependencies: tuple[str, ...] = ()
    setup_script: str = ""
    system_prompt: str = ""
    system_prompt_mode: Mode = "append"
    skills: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    enabled_agents: tuple[str, ...] = ()
    preparation: Preparation = Preparation()


class Dependency(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is wrong with a package. `versions`: those there are."""

    package: str
    error: str
    version: str | UnsetType = UNSET
    versions: tuple[str, ...] = ()


class Dependencies(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which packages there are. `checked`: against the package index of this machine; without one only their spelling
    was looked at."""

    valid: tuple[str, ...]
    invalid: tuple[Dependency, ...] = ()
    checked: bool = True


# --- personas ---------------------------------------------------------------------------------------------------------


class PersonaRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A custom agent. `slug`: what it is called by, once in an organisation. `headless`: it needs nobody beside it.
    `skills`: ids of the library. `companions`: agents that it wants enabled, too."""

    slug: str
    display_name: str
    instructions: str
    description: str = ""
    model: str = ""
    thinking: Thinking | UnsetType = UNSET
    headless: bool = False
    tools: tuple[str, ...] = ()
    service_tools: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()


class PersonaChange(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Change the draft: only what is present, and as a whole. An empty text takes it away, `thinking` too."""

    slug: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    thinking: Thinking | Literal[""] | UnsetType = UNSET
    headless: bool | UnsetType = UNSET
    tools: tuple[str, ...] | UnsetType = UNSET
    service_tools: tuple[str, ...] | UnsetType = UNSET
    skills: tuple[str, ...] | UnsetType = UNSET
    companions: tuple[str, ...] | UnsetType = UNSET


class Portrait(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a persona is, in a draft or a version. `skills` are copies: of a draft, of what the library holds now."""

    slug: str
    display_name: str
    instructions: str
    description: str = ""
    model: str = ""
    thinking: Thinking | UnsetType = UNSET
    headless: bool = False
    tools: tuple[str, ...] = ()
    service_tools: tuple[str, ...] = ()
    skills: tuple[Skill, ...] = ()
    companions: tuple[str, ...] = ()


class PersonaVersion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A draft as it was when `by` published it: `version` counts from 1, and nothing of it changes any more.
    `proposal`: what an agent asked for it with, if one did."""

    id: str
    persona: str
    version: int
    by: Principal
    created_at: int
    portrait: Portrait
    proposal: str | UnsetType = UNSET


class SavedPersona(Saved, frozen=True, kw_only=True):
    """`draft`: as its owner has it now. `published`: the newest version. `changed`: the draft is not as published."""

    draft: PersonaRequest
    lifecycle: Literal["draft", "published", "archived"] = "draft"
    published: PersonaVersion | UnsetType = UNSET
    changed: bool = False


class PersonaInfo(Saved, frozen=True, kw_only=True):
    """A persona as somebody sees it: its owner by the `draft`, whose skills are the ids `picked`, others by what is
    `published`, the newest version. `changed`: the draft is not as published."""

    portrait: Portrait
    lifecycle: Literal["draft", "published", "archived"]
    draft: bool = False
    picked: tuple[str, ...] = ()
    published: PersonaVersion | UnsetType = UNSET
    changed: bool = False


class BuilderRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A session whose agent makes a persona. `mode`: absent, from_session with a `source` (a session), edit with a
    `persona` (id or slug), else new. `prompt`: what the persona is to be."""

    label: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    mode: Literal["new", "edit", "from_session"] | UnsetType = UNSET
    visibility: Literal["private", "organization", "collaborate"] = "private"
    source: str | UnsetType = UNSET
    persona: str | UnsetType = UNSET


PROPOSAL_MIME: Final = "application/vnd.roost.persona+json"
"""An artifact of this type is a `Proposal`, in a session that was made to build a persona."""
PROPOSAL_FILE: Final = ".roost/proposal.json"
"""Such an artifact is made of this file of the workspace when a run ends, for agents that publish none."""
MAX_PROPOSAL_BYTES: Final = 96 * 1024
Proposed = Literal["create_draft", "update_draft", "publish"]


class Proposal(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the agent of a builder session wants done: make the draft of `persona`, change it, publish it as it is."""

    action: Proposed
    persona: PersonaChange = PersonaChange()


class BuilderAction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the proposal at `seq` of the log; of one that failed, why: the `code` of an error and its words.
    `at` in ms."""

    action: Proposed
    status: Literal["completed", "failed"]
    seq: int
    at: int
    code: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    persona: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    version: int | UnsetType = UNSET


class Builder(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a session builds, as `Kit.builder` holds it: from what, and how far it is. `persona`: the one it is to
    change, else the draft it has made. `proposed`: all that was proposed of it, put together."""

    mode: Literal["new", "edit", "from_session"]
    source: str | UnsetType = UNSET
    source_label: str | UnsetType = UNSET
    persona: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    made: bool = False
    version: int | UnsetType = UNSET
    proposed: PersonaChange | UnsetType = UNSET
    last: BuilderAction | UnsetType = UNSET
