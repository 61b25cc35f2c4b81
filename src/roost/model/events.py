"""Every fact a session's log can hold (PROTOCOL.md, "Events"). One frozen struct per event, tagged by `type`.

Absent is `UNSET`, never null. New fields get defaults, so that old logs stay readable. Bodies of a type this version
does not know become `Unknown` and keep their bytes; the log stores and serves the original bytes of every body.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from roost.model.ids import Epoch, MessageId, PartId, RequestId, Seq, SessionId, TaskId

MAX_BODY_BYTES = 256 * 1024
"""A larger body is refused (hub) or committed as `native` without its content (host)."""


Action = Literal["allow", "deny", "ask"]
"""What a rule says to a request."""


class Principal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who acts. `key` is the public id of the API key, never the key."""

    user: str
    kind: Literal["user", "api-key", "service"] = "user"
    key: str | UnsetType = UNSET
    org: str | UnsetType = UNSET


# --- values that bodies carry -----------------------------------------------------------------------------------------


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value without an identity of its own."""


class TextInput(Fact, frozen=True, kw_only=True, tag="text", tag_field="type"):
    """Words, given with a prompt."""

    text: str


class FileInput(Fact, frozen=True, kw_only=True, tag="file", tag_field="type"):
    """A file given with a prompt: a `data:` URL or a blob reference `blob:sha256-...`."""

    url: str
    mime: str
    filename: str | UnsetType = UNSET


InputPart = TextInput | FileInput


class WorkspaceSpec(Fact, frozen=True, kw_only=True):
    """Where the agent works. `folder`: `path` as it is. `worktree`: a git worktree of the repository at `path`, made at
    `root` on branch `branch`, starting from `base` (default HEAD), that is from `commit`; it is merged into `target`.
    `clone`: a clone of `url` at `root`."""

    kind: Literal["folder", "worktree", "clone"]
    path: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    base: str | UnsetType = UNSET
    branch: str | UnsetType = UNSET
    root: str | UnsetType = UNSET
    commit: str | UnsetType = UNSET
    target: str | UnsetType = UNSET


class Tokens(Fact, frozen=True, kw_only=True):
    """Token counts of one model step."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0


class Failure(Fact, frozen=True, kw_only=True):
    """What went wrong: a stable code, a sentence, and data for programs."""

    code: str
    message: str
    data: dict[str, Any] | UnsetType = UNSET


class RunResult(Fact, frozen=True, kw_only=True):
    """How a run ended well. `text` joins the text parts of the last assistant message."""

    text: str | UnsetType = UNSET
    message: MessageId | UnsetType = UNSET
    data: dict[str, Any] | UnsetType = UNSET


class ToolRef(Fact, frozen=True, kw_only=True):
    """The tool call a permission belongs to."""

    message: MessageId
    call: str


class QuestionOption(Fact, frozen=True, kw_only=True):
    """One of the answers that a question offers."""

    label: str
    description: str | UnsetType = UNSET


class Question(Fact, frozen=True, kw_only=True):
    """One question. `multiple`: several options may be chosen; `custom`: own words may be given."""

    question: str
    header: str | UnsetType = UNSET
    options: tuple[QuestionOption, ...] = ()
    multiple: bool = False
    custom: bool = False


class Todo(Fact, frozen=True, kw_only=True):
    """An item of the agent's plan. Its `id` stays the same from list to list."""

    id: str
    content: str
    status: Literal["pending", "in_progress", "completed", "cancelled"] = "pending"
    priority: Literal["high", "medium", "low"] = "medium"


class FileChange(Fact, frozen=True, kw_only=True):
    """What became of a file of the workspace. `before` is the old path of a renamed one."""

    path: str
    change: Literal["added", "modified", "deleted", "renamed"]
    before: str | UnsetType = UNSET


class Blob(Fact, frozen=True, kw_only=True):
    """Content kept outside the log: `hash` is `sha256-` + hex, `size` in bytes."""

    hash: str
    size: int
    mime: str = "application/octet-stream"


class Timeouts(Fact, frozen=True, kw_only=True):
    """Seconds; absent: the hub's default; 0: never. `idle`: without a run, until the session sleeps. `paused`: asleep,
    until it counts as history. `parked`: with an unanswered request, until its host stops. `execution`: of one run,
    until it is aborted."""

    idle: float | UnsetType = UNSET
    paused: float | UnsetType = UNSET
    parked: float | UnsetType = UNSET
    execution: float | UnsetType = UNSET


class Rule(Fact, frozen=True, kw_only=True):
    """What may happen without asking, what never may. `permission` and `pattern` are globs (`*`, `?`, `[..]`), matched
    with case; `*` matches everything."""

    permission: str
    action: Action
    pattern: str = "*"


class Policy(Fact, frozen=True, kw_only=True):
    """Who decides what the agent may do. `headless`: what happens to a request that the rules leave to a person: `park`
    waits for one. `deadline`: seconds until an unanswered request is answered with `action`; absent or 0: never. A
    question that nobody answers is rejected, whatever `headless` or `action` say."""

    rules: tuple[Rule, ...] = ()
    headless: Literal["park", "reject", "allow"] = "park"
    deadline: float | UnsetType = UNSET
    action: Literal["reject", "allow"] = "reject"


class Skill(Fact, frozen=True, kw_only=True):
    """A skill a session was given: `content` is its SKILL.md, copied, so that the library may forget it."""

    skill: str
    repo: str
    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    content: str | UnsetType = UNSET


class GivenFile(Fact, frozen=True, kw_only=True):
    """A file that lies in the workspace before the agent starts. `path`: relative to it."""

    path: str
    blob: Blob


class Instructions(Fact, frozen=True, kw_only=True):
    """What the agent is told before everything else: after its own system prompt, or in place of it."""

    text: str
    mode: Literal["append", "overwrite"] = "append"


class Persona(Fact, frozen=True, kw_only=True):
    """The published version of a custom agent that a session works as. `thinking`: how long its model may think."""

    agent: str
    slug: str
    version: int
    model: str | UnsetType = UNSET
    thinking: str | UnsetType = UNSET
    tools: tuple[str, ...] = ()


class Template(Fact, frozen=True, kw_only=True):
    """The saved workspace of the library that a session was made from."""

    id: str
    name: str
    scope: Literal["user", "org"] = "user"


class Kit(Fact, frozen=True, kw_only=True):
    """What a session was given to work with, beside its task. `repos`: as the caller wrote them. `wishes`: what was
    asked of the runtime (resources, network, ...), kept as given and applied where the runtime can."""

    default_agent: str | UnsetType = UNSET
    enabled_agents: tuple[str, ...] = ()
    skills: tuple[Skill, ...] = ()
    repos: tuple[dict[str, Any], ...] = ()
    files: tuple[GivenFile, ...] = ()
    instructions: Instructions | UnsetType = UNSET
    persona: Persona | UnsetType = UNSET
    template: Template | UnsetType = UNSET
    builder: dict[str, Any] | UnsetType = UNSET
    wishes: dict[str, Any] | UnsetType = UNSET


class Loop(Fact, frozen=True, kw_only=True):
    """What a loop over runs works towards. `max_iterations`: absent, no end. `auto_continue`: the next iteration begins
    by itself, else a person is waited for. `allow_detached`: also while nobody watches."""

    goal: str | UnsetType = UNSET
    max_iterations: int | UnsetType = UNSET
    auto_continue: bool = True
    allow_detached: bool = True


# --- session ----------------------------------------------------------------------------------------------------------


class Body(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What happened. Concrete events carry their tag; `run` and `by` are in the envelope."""


class SessionCreated(Body, frozen=True, kw_only=True, tag="session-created"):
    """The first event of every log. `env` holds names with masked values; the values are never served."""

    session: SessionId
    label: str
    agent: str
    workspace: WorkspaceSpec
    owner: Principal
    task: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    visibility: Literal["private", "organization", "collaborate"] = "private"
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | UnsetType = UNSET
    env: dict[str, str] | UnsetType = UNSET
    runtime: str = "process"
    mode: Literal["sandbox", "tui"] = "sandbox"
    timeouts: Timeouts | UnsetType = UNSET
    policy: Policy | UnsetType = UNSET
    kit: Kit | UnsetType = UNSET
    loop: Loop | UnsetType = UNSET


class SessionUpdated(Body, frozen=True, kw_only=True, tag="session-updated"):
    """Only what changed is present. `metadata` merges key by key; `hidden` takes the session off default lists; `kit`
    replaces the kit as a whole."""

    label: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    visibility: Literal["private", "organization", "collaborate"] | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET
    kit: Kit | UnsetType = UNSET


class ConfigChanged(Body, frozen=True, kw_only=True, tag="config-changed"):
    """How the session works from now on: model, mode, options of the driver; its timeouts, its policy; the rules that
    "always" has granted (the whole list: what is missing is taken back)."""

    model: str | UnsetType = UNSET
    mode: str | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET
    timeouts: Timeouts | UnsetType = UNSET
    policy: Policy | UnsetType = UNSET
    granted: tuple[Rule, ...] | UnsetType = UNSET


class RuntimeStarting(Body, frozen=True, kw_only=True, tag="runtime-starting"):
    """Opens an epoch: a host is being started. Commands after this event are that host's."""

    epoch: Epoch
    runtime: str = "process"


class RuntimeReady(Body, frozen=True, kw_only=True, tag="runtime-ready"):
    """The host of this epoch has said hello."""

    epoch: Epoch
    pid: int | UnsetType = UNSET
    capabilities: dict[str, Any] | UnsetType = UNSET


class RuntimeLost(Body, frozen=True, kw_only=True, tag="runtime-lost"):
    """The host of this epoch is given up. `code`: `host_dead`, `grace_over`, `producer_gap`, `start_failed`."""

    epoch: Epoch
    code: str
    message: str | UnsetType = UNSET


class PauseRequested(Body, frozen=True, kw_only=True, tag="pause-requested"):
    """The session is to go to sleep as soon as its run has ended. `reason`: `requested`, `idle` or `hub-down`."""

    reason: str = "requested"


class SessionPaused(Body, frozen=True, kw_only=True, tag="session-paused"):
    """Asleep and wakeable. Closes the epoch. `reason`: `requested`, `idle`, `parked`, `interrupted`, `hub-down` or
    `start-failed`."""

    reason: str = "requested"


class SessionResuming(Body, frozen=True, kw_only=True, tag="session-resuming"):
    """The session wakes; a host is started for it."""


class SessionArchived(Body, frozen=True, kw_only=True, tag="session-archived"):
    """History only from now on, for good. Closes the epoch."""


class SessionFailed(Body, frozen=True, kw_only=True, tag="session-failed"):
    """The session could never start. Closes the epoch."""

    error: Failure


class SessionEnded(Body, frozen=True, kw_only=True, tag="session-ended"):
    """The last event of a log: the workspace is destroyed, the history stays. Closes the epoch."""

    kept: str | UnsetType = UNSET


# --- run --------------------------------------------------------------------------------------------------------------


class RunStart(Body, frozen=True, kw_only=True, tag="run-start"):
    """One execution begins; `message` is the user message that `input` becomes."""

    message: MessageId
    input: tuple[InputPart, ...]
    delivery: Literal["prompt", "steer", "queue"] = "prompt"


class RunPhase(Body, frozen=True, kw_only=True, tag="run-phase"):
    """What the open run does now."""

    phase: Literal["planning", "executing", "verifying"]


class Steered(Body, frozen=True, kw_only=True, tag="steered"):
    """Input that joins the open run."""

    message: MessageId
    input: tuple[InputPart, ...]


class Queued(Body, frozen=True, kw_only=True, tag="queued"):
    """Input that waits for its own run. `again`: input of a run that was parked; it goes to the head of the queue."""

    message: MessageId
    input: tuple[InputPart, ...]
    again: bool = False


class Dequeued(Body, frozen=True, kw_only=True, tag="dequeued"):
    """This input leaves the queue: its run starts in the same commit, or (`dropped`) it is given up."""

    message: MessageId
    dropped: bool = False


class AbortRequested(Body, frozen=True, kw_only=True, tag="abort-requested"):
    """The open run is to stop. Idempotent."""

    reason: str = "requested"


class RunComplete(Body, frozen=True, kw_only=True, tag="run-complete"):
    """Ended well. `read` is the seq of the last command the host had read."""

    result: RunResult = RunResult()
    read: Seq = 0


class RunAborted(Body, frozen=True, kw_only=True, tag="run-aborted"):
    """Ended because somebody asked for it. `read` as in `run-complete`."""

    reason: str = "requested"
    read: Seq = 0


class RunError(Body, frozen=True, kw_only=True, tag="run-error"):
    """Ended badly. Code `interrupted`: the host was lost; `start_failed`: it never came; `spool_full`: the hub was away
    for too long; others are the agent's. `read` as in `run-complete`."""

    error: Failure
    read: Seq = 0


# --- conversation -----------------------------------------------------------------------------------------------------


class Said(Body, frozen=True, kw_only=True):
    """A conversation event: the message it belongs to and, for a sub-agent, its task."""

    message: MessageId
    task: TaskId | UnsetType = UNSET


class MessageStart(Said, frozen=True, kw_only=True, tag="message-start"):
    """A message begins. It need not be said: any other event of a message begins it, as the assistant's."""

    role: Literal["assistant", "user", "system"] = "assistant"
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    parent: MessageId | UnsetType = UNSET


class PartStart(Said, frozen=True, kw_only=True, tag="part-start"):
    """A part begins. It need not be said: its first delta begins it too."""

    part: PartId
    kind: Literal["text", "reasoning", "tool", "file"] = "text"


class TextDelta(Said, frozen=True, kw_only=True, tag="text-delta"):
    """A piece of text. `T` is a producer's own stamp for measurements and means nothing to the fold."""

    part: PartId
    delta: str
    stamp: str | UnsetType = field(default=UNSET, name="T")


class ReasoningDelta(Said, frozen=True, kw_only=True, tag="reasoning-delta"):
    """A piece of what the model thinks aloud."""

    part: PartId
    delta: str


class ToolInputDelta(Said, frozen=True, kw_only=True, tag="tool-input-delta"):
    """A piece of a tool call's input, as the model writes it."""

    part: PartId
    call: str
    delta: str


class PartReset(Said, frozen=True, kw_only=True, tag="part-reset"):
    """The provider began this part again: what was streamed of it is void."""

    part: PartId
    reason: str | UnsetType = UNSET


class PartDone(Said, frozen=True, kw_only=True, tag="part-done"):
    """The part is final. `text` is present only if it differs from the joined deltas."""

    part: PartId
    text: str | UnsetType = UNSET


class MessageDone(Said, frozen=True, kw_only=True, tag="message-done"):
    """The message is final, unless tools of it still run. `error`: it could not be said to the end."""

    finish: str = "stop"
    error: Failure | UnsetType = UNSET


class ToolStart(Said, frozen=True, kw_only=True, tag="tool-start"):
    """A tool begins to run. `call` pairs it with its end."""

    part: PartId
    call: str
    tool: str
    input: Any = None
    title: str | UnsetType = UNSET


class ToolDelta(Said, frozen=True, kw_only=True, tag="tool-delta"):
    """A piece of a running tool's output."""

    part: PartId
    call: str
    delta: str


class ToolComplete(Said, frozen=True, kw_only=True, tag="tool-complete"):
    """The tool ended well. `output` is present only if it differs from the joined deltas."""

    part: PartId
    call: str
    output: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class ToolError(Said, frozen=True, kw_only=True, tag="tool-error"):
    """The tool failed, or was not allowed to run."""

    part: PartId
    call: str
    error: str
    metadata: dict[str, Any] | UnsetType = UNSET


class Attachment(Said, frozen=True, kw_only=True, tag="attachment"):
    """A file the agent gave: `url` is a `data:` URL, or `blob` names stored content."""

    part: PartId
    mime: str
    filename: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    blob: Blob | UnsetType = UNSET


class StepStart(Said, frozen=True, kw_only=True, tag="step-start"):
    """A model step begins."""

    part: PartId


class StepFinish(Said, frozen=True, kw_only=True, tag="step-finish"):
    """One model step ended. `cost` in US dollars."""

    part: PartId
    reason: str = "stop"
    tokens: Tokens = Tokens()
    cost: float = 0.0


class Retry(Said, frozen=True, kw_only=True, tag="retry"):
    """The provider failed and is asked again in `next_ms`."""

    part: PartId
    attempt: int
    error: str
    next_ms: int | UnsetType = UNSET


class Compacting(Body, frozen=True, kw_only=True, tag="compacting"):
    """What the model sees of the conversation is being summed up. `reason`: `requested` or `overflow`."""

    reason: str = "requested"


class Compacted(Body, frozen=True, kw_only=True, tag="compacted"):
    """The model now sees a summary (`message`) of what came before. History is not deleted."""

    message: MessageId | UnsetType = UNSET


class Reverted(Body, frozen=True, kw_only=True, tag="reverted"):
    """Messages after `message` are hidden, softly, until the next input."""

    message: MessageId


class Unreverted(Body, frozen=True, kw_only=True, tag="unreverted"):
    """What was hidden by `reverted` is back."""

    message: MessageId


# --- people -----------------------------------------------------------------------------------------------------------


class PermissionAsked(Body, frozen=True, kw_only=True, tag="permission-asked"):
    """A person must decide whether the agent may use `permission` (`bash`, `edit`, ...) on `patterns`. `always`: what
    an answer `always` would allow from then on."""

    request: RequestId
    permission: str
    patterns: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    metadata: dict[str, Any] | UnsetType = UNSET
    tool: ToolRef | UnsetType = UNSET


class PermissionReplied(Body, frozen=True, kw_only=True, tag="permission-replied"):
    """`interrupted`: nobody answered in time or the host was lost; only the hub writes that. `why`: what answered where
    no person did: a rule, an earlier "always", the policy of a headless session, its deadline."""

    request: RequestId
    reply: Literal["once", "always", "reject", "interrupted"]
    message: str | UnsetType = UNSET
    why: Literal["rule", "granted", "headless", "deadline"] | UnsetType = UNSET


class QuestionAsked(Body, frozen=True, kw_only=True, tag="question-asked"):
    """A person must answer before the agent goes on."""

    request: RequestId
    questions: tuple[Question, ...]


class QuestionReplied(Body, frozen=True, kw_only=True, tag="question-replied"):
    """One list of labels (or own words) per question; none if `reply` is not `answer`. `why` as in
    `permission-replied`."""

    request: RequestId
    reply: Literal["answer", "reject", "interrupted"]
    answers: tuple[tuple[str, ...], ...] = ()
    why: Literal["headless", "deadline"] | UnsetType = UNSET


# --- plan and work ----------------------------------------------------------------------------------------------------


class TodosUpdated(Body, frozen=True, kw_only=True, tag="todos-updated"):
    """The whole list, every time."""

    todos: tuple[Todo, ...]


class GoalUpdated(Body, frozen=True, kw_only=True, tag="goal-updated"):
    """The agent's verdict on its goal: go on, or it is reached."""

    status: Literal["continue", "complete"]
    summary: str | UnsetType = UNSET


class Verification(Body, frozen=True, kw_only=True, tag="verification"):
    """What checking the result came to."""

    passed: bool
    report: str = ""


class SubtaskStart(Body, frozen=True, kw_only=True, tag="subtask-start"):
    """A sub-agent begins: its words carry this `task`, or it has a `session` of its own."""

    task: TaskId
    agent: str
    prompt: str = ""
    session: SessionId | UnsetType = UNSET


class SubtaskEnd(Body, frozen=True, kw_only=True, tag="subtask-end"):
    """The sub-agent is done."""

    task: TaskId
    status: Literal["completed", "failed", "aborted"] = "completed"
    result: str | UnsetType = UNSET


class LoopUpdated(Body, frozen=True, kw_only=True, tag="loop-updated"):
    """How a loop over runs stands. `completed`, `cancelled` and `blocked` are its ends; `awaiting_input` waits for a
    person. `iteration`: of the run that goes on or went last, from 1. `loop`: what it works towards from now on, if
    that has changed. `id`: of a loop that begins."""

    status: Literal["idle", "starting", "running", "paused", "completed", "cancelled", "blocked", "awaiting_input"]
    iteration: int = 0
    id: str | UnsetType = UNSET
    loop: Loop | UnsetType = UNSET
    summary: str | UnsetType = UNSET
    next_action: str | UnsetType = UNSET
    data: dict[str, Any] | UnsetType = UNSET


class FilesChanged(Body, frozen=True, kw_only=True, tag="files-changed"):
    """Files of the workspace that the agent has changed."""

    files: tuple[FileChange, ...]


class ArtifactPublished(Body, frozen=True, kw_only=True, tag="artifact-published"):
    """A named result. The same `key` again is a new `version`."""

    key: str
    mime: str
    blob: Blob | UnsetType = UNSET
    text: str | UnsetType = UNSET
    version: int = 1


class Native(Body, frozen=True, kw_only=True, tag="native"):
    """Agent output that could not be read, or an event that could not be taken as it was: kept, with the `reason`."""

    raw: Any = None
    reason: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
