"""What people and programs ask of a session. A command is recorded as events before anything acts on it.

REST bodies are these structs; a socket sends them tagged by `command`."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from roost.model.durations import seconds
from roost.model.errors import InvalidBody
from roost.model.events import InputPart, Loop, McpServer, Policy, Rule, Skill, TextInput, Timeouts
from roost.model.ids import MessageId, RequestId
from roost.model.library import KitRequest
from roost.model.sandbox import SandboxRequest

MAX_LABEL_CHARS = 200
MAX_TAGS = 50
MAX_TAG_CHARS = 64
MAX_METADATA_BYTES = 64 * 1024
"""All metadata of a session, as JSON."""
MAX_ENV_BYTES = 64 * 1024
"""Names and values."""
MAX_TASK_BYTES = 200 * 1024
"""The input of one run, encoded. Larger content goes into files of the workspace."""
MAX_FILES = 200
MAX_FILES_BYTES = 64 * 1024 * 1024
"""All files that a session is given, together."""
MAX_GOAL_CHARS = 16 * 1024
MAX_ITERATIONS = 10_000
MAX_RULES = 200
MAX_GLOB_CHARS = 1000
MAX_COMMAND_CHARS = 200


class WorkspaceRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where to work. `auto` is a worktree if `path` lies in a git repository with a commit, else the plain folder.
    Without `path` (and `url`) Roost makes an empty folder of its own."""

    kind: Literal["auto", "folder", "worktree", "clone"] = "auto"
    path: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    base: str | UnsetType = UNSET


class TimeoutsRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Seconds or `"10m"`; 0 is never. What they mean: `events.Timeouts`."""

    idle: float | str | UnsetType = UNSET
    paused: float | str | UnsetType = UNSET
    parked: float | str | UnsetType = UNSET
    execution: float | str | UnsetType = UNSET

    def settled(self) -> Timeouts:
        """In seconds. Raises: InvalidBody."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return Timeouts(**{name: seconds(value) for name, value in given.items() if value is not UNSET})


class RuleRequest(Rule, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A rule: `events.Rule`."""


class PolicyRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A policy, as a whole: what is absent has its default. What it means: `events.Policy`. `deadline`: seconds or
    `"10m"`."""

    rules: tuple[RuleRequest, ...] = ()
    headless: Literal["park", "reject", "allow"] = "park"
    deadline: float | str | UnsetType = UNSET
    action: Literal["reject", "allow"] = "reject"

    def settled(self) -> Policy:
        """Raises: InvalidBody."""
        deadline = UNSET if self.deadline is UNSET else seconds(self.deadline)
        rules = settled_rules(self.rules)
        return Policy(rules=rules, headless=self.headless, deadline=deadline, action=self.action)


def settled_rules(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Raises: InvalidBody: too many, or one that is too long."""
    if len(rules) > MAX_RULES:
        raise InvalidBody(f"rules: at most {MAX_RULES}")
    for rule in rules:
        if not 0 < len(rule.permission) <= MAX_GLOB_CHARS or not 0 < len(rule.pattern) <= MAX_GLOB_CHARS:
            raise InvalidBody(f"rules: permission and pattern have 1 to {MAX_GLOB_CHARS} characters")
    return tuple(Rule(permission=rule.permission, action=rule.action, pattern=rule.pattern) for rule in rules)


class FileRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A file that is to lie in the workspace before the agent starts: its `content` (base64 in JSON), or the hash of a
    `blob` that was uploaded. `path`: relative to the workspace."""

    path: str
    content: bytes | UnsetType = UNSET
    blob: str | UnsetType = UNSET


class McpRequest(McpServer, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A server of tools for the agent: `values.McpServer`, with its secrets."""


class LoopRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A loop over runs. What it means: `events.Loop`. Without a `goal` the session's task is it."""

    goal: str | UnsetType = UNSET
    max_iterations: int | UnsetType = UNSET
    auto_continue: bool | UnsetType = UNSET
    allow_detached: bool | UnsetType = UNSET

    def settled(self, before: Loop | None = None) -> Loop:
        """With what is absent as it was before. Raises: InvalidBody."""
        if self.goal is not UNSET and not (self.goal.strip() and len(self.goal) <= MAX_GOAL_CHARS):
            raise InvalidBody(f"loop: a goal has 1 to {MAX_GOAL_CHARS} characters")
        if self.max_iterations is not UNSET and not 1 <= self.max_iterations <= MAX_ITERATIONS:
            raise InvalidBody(f"loop: 1 to {MAX_ITERATIONS} iterations")
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        return replace(before or Loop(), **given)


class CreateSession(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A new session; with `task` (text) or `input` (parts) its first run starts at once. `kit`: what it works with;
    `files` lie in its workspace before its agent starts. `loop`: its task is the first iteration. `mode`: `sandbox`, a
    host starts its agent; `tui`, its agent comes by itself, from a terminal. `driver`: how its agent is run, if there
    is more than one way: `terminal` gives it a screen of its own. `mcp`: servers of tools for its agent."""

    task: str | UnsetType = UNSET
    input: tuple[InputPart, ...] | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    driver: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    label: str | UnsetType = UNSET
    workspace: WorkspaceRequest = WorkspaceRequest()
    visibility: Literal["private", "organization", "collaborate"] = "private"
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    env: dict[str, str] = {}
    timeouts: TimeoutsRequest = TimeoutsRequest()
    policy: PolicyRequest | UnsetType = UNSET
    kit: KitRequest = KitRequest()
    files: tuple[FileRequest, ...] = ()
    loop: LoopRequest | UnsetType = UNSET
    mode: Literal["sandbox", "tui"] = "sandbox"
    sandbox: SandboxRequest = SandboxRequest()
    mcp: tuple[McpRequest, ...] = ()


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="command"):
    """Asked of one session."""


class Send(Command, frozen=True, kw_only=True, tag="send"):
    """Input. `delivery`: `prompt` starts a run (busy: SessionBusy), `steer` joins the open one, `queue` waits."""

    input: tuple[InputPart, ...] | UnsetType = UNSET
    text: str | UnsetType = UNSET
    delivery: Literal["prompt", "steer", "queue"] = "prompt"

    def parts(self) -> tuple[InputPart, ...]:
        """The input as parts, whichever way it was given."""
        given = () if self.input is UNSET else self.input
        return given if self.text is UNSET else (TextInput(text=self.text), *given)


class RunCommand(Command, frozen=True, kw_only=True, tag="run-command"):
    """Run a command of the agent's own (`GET .../commands` lists them): input like any other, delivered in the same
    ways."""

    name: str
    args: str = ""
    delivery: Literal["prompt", "steer", "queue"] = "prompt"

    def as_send(self) -> Send:
        """The same as input. Raises: InvalidBody."""
        name = self.name.removeprefix("/")
        if not 0 < len(name) <= MAX_COMMAND_CHARS or any(char.isspace() for char in name):
            raise InvalidBody(f"name: of a command, 1 to {MAX_COMMAND_CHARS} characters without a space")
        text = f"/{name} {self.args}".rstrip()
        return Send(input=(TextInput(text=text, command=name),), delivery=self.delivery)


class Abort(Command, frozen=True, kw_only=True, tag="abort"):
    """Stop the open run. Idempotent; without a run it does nothing."""

    reason: str = "requested"


class Pause(Command, frozen=True, kw_only=True, tag="pause"):
    """Put to sleep; an open run is aborted first. Repeat is success."""


class Resume(Command, frozen=True, kw_only=True, tag="resume"):
    """Wake. Answers before the host is up; on a live session it does nothing."""


class Archive(Command, frozen=True, kw_only=True, tag="archive"):
    """Keep the history, stop everything, for good. Repeat is success."""


class End(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Destroy the workspace and keep the history. `force`: also if work in it would be lost."""

    force: bool = False


class KitChange(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Only what is present changes, and is replaced as a whole. An empty `default_agent` takes it away."""

    default_agent: str | UnsetType = UNSET
    enabled_agents: tuple[str, ...] | UnsetType = UNSET
    skills: tuple[Skill, ...] | UnsetType = UNSET


class ChangeLoop(Command, frozen=True, kw_only=True, tag="change-loop"):
    """`start` a loop; `pause` it after the iteration that goes on; `resume` it, which wakes a session that sleeps;
    `cancel` it, and the run of its iteration; `adjust` what it works towards; `leave` it, as if there were none, its
    run goes on. Repeat is success, but for `start`. `loop`: for `start` and `adjust`."""

    action: Literal["start", "pause", "resume", "cancel", "adjust", "leave"]
    loop: LoopRequest | UnsetType = UNSET


class Update(Command, frozen=True, kw_only=True, tag="update"):
    """Change what is present. `tags` are replaced as a whole; `add_tags` and `remove_tags` change single ones, whoever
    changes others at the same time. `metadata` merges key by key; `hidden` takes the session off default lists; what
    changes in the `kit` is given to the agent when it starts next. `loop`: what becomes of its loop, together with the
    rest or not at all."""

    label: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | UnsetType = UNSET
    visibility: Literal["private", "organization", "collaborate"] | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET
    kit: KitChange | UnsetType = UNSET
    loop: ChangeLoop | UnsetType = UNSET


class ReplyPermission(Command, frozen=True, kw_only=True, tag="reply-permission"):
    """Answer a permission request, once and for all clients. `always` also allows what the request proposes for the
    rest of the session (take it back with `configure`)."""

    request: RequestId
    reply: Literal["once", "always", "reject"]
    message: str | UnsetType = UNSET


class ReplyQuestion(Command, frozen=True, kw_only=True, tag="reply-question"):
    """Answer a question: one list of labels (or own words) per question; or reject it."""

    request: RequestId
    reply: Literal["answer", "reject"] = "answer"
    answers: tuple[tuple[str, ...], ...] = ()


class Configure(Command, frozen=True, kw_only=True, tag="configure"):
    """How the session works from now on. Only what is present changes: of `timeouts` and `options` what is named in
    them; `policy` and `granted` (what "always" has allowed) as a whole. `add_rules` and `remove_rules` change single
    rules of the policy, `grant` and `revoke` single ones of `granted`, whoever else changes others at the same time: a
    rule that is there is not added again, one that is not there need not be removed. `expect`: the `version` this is
    meant for; another one is refused with `config_conflict`."""

    model: str | UnsetType = UNSET
    mode: str | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET
    timeouts: TimeoutsRequest | UnsetType = UNSET
    policy: PolicyRequest | UnsetType = UNSET
    granted: tuple[RuleRequest, ...] | UnsetType = UNSET
    add_rules: tuple[RuleRequest, ...] = ()
    remove_rules: tuple[RuleRequest, ...] = ()
    grant: tuple[RuleRequest, ...] = ()
    revoke: tuple[RuleRequest, ...] = ()
    expect: str | UnsetType = UNSET


class Unqueue(Command, frozen=True, kw_only=True, tag="unqueue"):
    """Take an input off the queue."""

    message: MessageId


AnyCommand = (
    Send
    | RunCommand
    | Abort
    | Pause
    | Resume
    | Archive
    | Update
    | ReplyPermission
    | ReplyQuestion
    | Configure
    | Unqueue
    | ChangeLoop
)
