"""A session as it is read in a terminal: text flows, everything else is a line."""

import shlex
from collections.abc import Callable
from typing import Any, Final

from msgspec import UNSET

from roost.cli.terminal import STDOUT
from roost.cli.words import brief, count, duration, folder, inline, one_line, plain, quoted
from roost.model import events as e
from roost.model.envelope import Event, Unknown
from roost.model.ids import short_id

KEPT_CHARS: Final = 2000
"""Of a running tool's output."""
_TAKEN_UP: Final[dict[object, str]] = {
    "resumed": "the agent has taken its conversation up again",
    "loaded": "the agent has loaded its conversation again",
    "seeded": "the agent knew nothing any more: it is told what the log holds",
}
_TODO: Final = {"pending": "☐", "in_progress": "◐", "completed": "☑", "cancelled": "☒"}


def input_text(parts: tuple[e.InputPart, ...]) -> str:
    """Input as one text; files by name."""
    return "\n".join(
        part.text if isinstance(part, e.TextInput) else f"[file {part.filename or part.mime}]" for part in parts
    )


def ways_to_answer(name: str, asked: e.PermissionAsked | e.QuestionAsked, *, alone: bool) -> list[str]:
    """The commands that answer this request. `alone`: it is the only one that is open, so it need not be named."""
    base = f"roost answer {name}" if alone else f"roost answer {name} --request {shlex.quote(inline(asked.request))}"
    if isinstance(asked, e.PermissionAsked):
        return [f"allow it:    {base} once", f'refuse it:   {base} reject --message "do this instead"']
    words = (q.options[0].label if q.options else "your words" for q in asked.questions)
    return [f"answer it:   {base} " + " ".join(quoted(word) for word in words), f"refuse it:   {base} --reject"]


class LiveView:
    """Prints events as they come. `name` is how the session is called in the commands it suggests."""

    def __init__(self, name: str, *, reasoning: bool = True) -> None:
        self._name = name
        self._reasoning = reasoning
        self._part: str | None = None
        self._streamed: set[str] = set()
        self._fresh_line = True
        self._blank_above = True
        self._started: dict[str, int] = {}
        self._outputs: dict[str, str] = {}
        self._asked: set[str] = set()
        self._settings: dict[str, Any] = {}
        self._tokens = 0
        self._cost = 0.0

    def show(self, event: Event) -> None:
        """Print what this event says, at once."""
        body = event.body
        shows = _SHOWS.get(type(body))
        if shows:
            shows(self, body, event)
        elif isinstance(body, Unknown):
            self._note(f"· {body.type}")
        STDOUT.file.flush()

    def finish(self) -> None:
        """Leave the cursor at the start of a line."""
        self._break()
        STDOUT.file.flush()

    # --- writing ---

    def _break(self) -> None:
        """End a text that is being streamed."""
        if not self._fresh_line:
            STDOUT.file.write("\n")
        self._fresh_line, self._part = True, None

    def _line(self, text: str, style: str | None = None, *, indent: str = "") -> None:
        self._break()
        shown = indent + one_line(text, STDOUT.columns - len(indent))
        STDOUT.file.write((STDOUT.style(shown, style) if style else shown) + "\n")
        self._blank_above = False

    def _note(self, text: str) -> None:
        self._line(text, "dim")

    def _blank(self) -> None:
        self._break()
        if not self._blank_above:
            STDOUT.file.write("\n")
            self._blank_above = True

    def _stream(self, body: e.TextDelta | e.ReasoningDelta, style: str | None) -> None:
        text = plain(body.delta)
        if not text:
            return
        if self._part != body.part:
            self._break()
            self._part = body.part
            if body.task is not UNSET:
                STDOUT.file.write(STDOUT.style(f"↳ {inline(body.task[-6:])} ", "dim"))
        STDOUT.file.write(STDOUT.style(text, style) if style else text)
        self._streamed.add(body.part)
        self._fresh_line = text.endswith("\n")
        self._blank_above = text.endswith("\n\n")

    # --- one method per kind of event ---

    def created(self, body: e.SessionCreated, _event: Event) -> None:
        where = body.workspace
        place = where.url or folder(where.path if where.path is not UNSET else where.root)
        branch = "" if where.branch is UNSET else f" on {where.branch}"
        self._note(f"session {short_id(body.session)} · {body.agent} · {where.kind} {place}{branch}")

    def run_started(self, body: e.RunStart, event: Event) -> None:
        self._started[event.run or ""] = event.at
        self._tokens, self._cost = 0, 0.0
        self._input("›", body.input)

    def _input(self, mark: str, parts: tuple[e.InputPart, ...]) -> None:
        self._blank()
        self._line(f"{mark} {input_text(parts)}", "bold")

    def steered(self, body: e.Steered, _event: Event) -> None:
        self._input("› (steers)", body.input)

    def queued(self, body: e.Queued, _event: Event) -> None:
        self._input("› (waits)", body.input)

    def text(self, body: e.TextDelta, _event: Event) -> None:
        self._stream(body, None)

    def thought(self, body: e.ReasoningDelta, _event: Event) -> None:
        if self._reasoning:
            self._stream(body, "italic")

    def part_reset(self, body: e.PartReset, _event: Event) -> None:
        if body.part in self._streamed:
            self._note("— begins this part again —")

    def part_done(self, body: e.PartDone, _event: Event) -> None:
        if body.text is not UNSET and body.text:
            self._break()
            self._stream(e.TextDelta(message=body.message, task=body.task, part=body.part, delta=body.text), None)

    def tool_started(self, body: e.ToolStart, _event: Event) -> None:
        what = body.title if body.title is not UNSET else brief(body.input)
        named = what if what.startswith(body.tool) else f"{body.tool}  {what}"
        self._line(f"● {named}", "cyan", indent=self._margin(body))

    def tool_said(self, body: e.ToolDelta, _event: Event) -> None:
        """Kept for the line at its end, which is all that is shown of an output."""
        self._outputs[body.part] = (self._outputs.get(body.part, "") + body.delta)[-KEPT_CHARS:]

    def tool_done(self, body: e.ToolComplete, _event: Event) -> None:
        streamed = self._outputs.pop(body.part, "")
        said = _last_line(streamed if body.output is UNSET else body.output)
        self._line(f"✓ {said}" if said else "✓", "dim", indent=self._margin(body) + "  ")

    def tool_failed(self, body: e.ToolError, _event: Event) -> None:
        self._outputs.pop(body.part, None)
        self._line(f"✗ {_last_line(body.error) or 'failed'}", "red", indent=self._margin(body) + "  ")

    def _margin(self, body: e.Said) -> str:
        return "" if body.task is UNSET else "  "

    def attachment(self, body: e.Attachment, _event: Event) -> None:
        self._line(f"+ {body.filename or 'attachment'} ({body.mime})")

    def step_done(self, body: e.StepFinish, _event: Event) -> None:
        self._tokens += body.tokens.input + body.tokens.output + body.tokens.reasoning
        self._cost += body.cost

    def retried(self, body: e.Retry, _event: Event) -> None:
        pause = "" if body.next_ms is UNSET else f", again in {duration(body.next_ms)}"
        self._line(f"… attempt {body.attempt} failed: {body.error}{pause}", "yellow")

    def permission_asked(self, body: e.PermissionAsked, _event: Event) -> None:
        self._line(f"? may it {body.permission}: {', '.join(body.patterns) or 'this'}", "yellow")
        self._ways(body)

    def question_asked(self, body: e.QuestionAsked, _event: Event) -> None:
        for question in body.questions:
            self._line(f"? {question.question}", "yellow")
            for option in question.options:
                about = "" if option.description is UNSET else f" - {option.description}"
                self._line(f"- {option.label}{about}", indent="  ")
        self._ways(body)

    def _ways(self, body: e.PermissionAsked | e.QuestionAsked) -> None:
        self._asked.add(body.request)
        self._break()
        for way in ways_to_answer(
            self._name, body, alone=len(self._asked) == 1
        ):  # whole, whatever the width: it will be copied
            STDOUT.file.write("  " + STDOUT.style(plain(way), "dim") + "\n")

    def answered(self, body: e.PermissionReplied | e.QuestionReplied, event: Event) -> None:
        self._asked.discard(body.request)
        words = body.reply
        if isinstance(body, e.QuestionReplied) and body.answers:
            words = "; ".join(", ".join(answer) for answer in body.answers)
        if isinstance(body, e.PermissionReplied) and body.message is not UNSET:
            words = f"{words}: {body.message}"
        who = "" if event.by is UNSET else f" ({event.by.user})"
        self._line(f"→ {words}{who}", "dim", indent="  ")

    def withdrawn(self, body: e.RequestWithdrawn, _event: Event) -> None:
        self._asked.discard(body.request)
        about = "" if body.reason is UNSET else f": {body.reason}"
        self._line(f"→ not asked any more{about}", "dim", indent="  ")

    def configured(self, body: e.AgentConfigured, _event: Event) -> None:
        """What somebody asked for stands in its `config-changed`: news is what is not so, and what nobody asked for."""
        before, self._settings = self._settings, body.settings
        for refused in body.refused:
            self._line(f"✗ {refused.name} not set: {refused.reason}", "yellow")
        if body.cause == "agent":
            new = {name: value for name, value in body.settings.items() if before.get(name) != value}
            self._note(f"— the agent now has {', '.join(f'{name} {brief(value)}' for name, value in new.items())} —")

    def taken_up(self, body: e.AgentState, _event: Event) -> None:
        if body.taken_up in _TAKEN_UP:
            self._note(f"— {_TAKEN_UP[body.taken_up]} —")

    def todos(self, body: e.TodosUpdated, _event: Event) -> None:
        for todo in body.todos:
            self._line(f"{_TODO[todo.status]} {todo.content}", "dim", indent="  ")

    def verified(self, body: e.Verification, _event: Event) -> None:
        self._line(f"{'✓ verified' if body.passed else '✗ not verified'} {body.report}", None if body.passed else "red")

    def looped(self, body: e.LoopUpdated, _event: Event) -> None:
        style = {"completed": "green", "blocked": "red", "awaiting_input": "yellow"}.get(body.status, "dim")
        about = f": {body.summary}" if body.summary and body.status != "running" else ""
        self._line(f"↻ {body.status.replace('_', ' ')}, iteration {body.iteration}{about}", style)

    def files(self, body: e.FilesChanged, _event: Event) -> None:
        files = "file" if len(body.files) == 1 else "files"
        more = ", and more" if body.truncated else ""
        self._note(f"{len(body.files)} {files} changed: {', '.join(change.path for change in body.files)}{more}")

    def workspace(self, body: e.WorkspaceUpdated, _event: Event) -> None:
        if body.error is not UNSET:
            self._line(f"✗ not cloned: {body.error.message} ({body.error.code})", "red")
        elif body.status == "ready":
            self._note("— cloned" + (f", at {body.commit[:12]} —" if body.commit else ": the repository is empty —"))
        else:
            self._note("… cloning" + (f": {body.stage}, {body.percent}%" if body.stage else ""))

    def began(self, body: e.CommandUpdated, _event: Event) -> None:
        if body.error is not UNSET:
            self._line(f"✗ {body.error.message} ({body.error.code})", "red")
        elif body.status == "running":
            self._note(f"$ {shlex.join(body.exec or ())}")
        elif body.exit_code:
            self._line(f"✗ exit code {body.exit_code}: {_last_line(body.output or '')}", "red")

    def native(self, body: e.Native, _event: Event) -> None:
        self._note(f"· native: {body.reason or 'output that Roost cannot read'}")

    def run_done(self, _body: e.RunComplete, event: Event) -> None:
        self._end("✓ done", "green", event)

    def run_aborted(self, body: e.RunAborted, event: Event) -> None:
        self._end(f"■ aborted ({body.reason})", "yellow", event)

    def run_failed(self, body: e.RunError, event: Event) -> None:
        self._end(f"✗ failed: {body.error.message} ({body.error.code})", "red", event)

    def _end(self, text: str, style: str, event: Event) -> None:
        begun = self._started.pop(event.run or "", None)
        facts = [] if begun is None else [duration(event.at - begun)]
        facts += [f"{count(self._tokens)} tokens"] if self._tokens else []
        facts += [f"${self._cost:.2f}"] if self._cost else []
        self._line(" · ".join([text, *facts]), style)
        self._streamed.clear()
        self._outputs.clear()

    def host_lost(self, body: e.RuntimeLost, _event: Event) -> None:
        self._line(f"— its host was lost: {body.message or body.code} —", "yellow")

    def session_failed(self, body: e.SessionFailed, _event: Event) -> None:
        self._line(f"✗ the session could not start: {body.error.message} ({body.error.code})", "red")


def _said(words: str | Callable[[Any], str]) -> Callable[[LiveView, Any, Event], None]:
    """An event that is a dim line."""

    def show(view: LiveView, body: Any, _event: Event) -> None:
        view._note(words if isinstance(words, str) else words(body))  # pyright: ignore[reportPrivateUsage]  # one module

    return show


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


_SHOWS: Final[dict[type, Callable[[LiveView, Any, Event], None]]] = {
    e.SessionCreated: LiveView.created,
    e.RuntimeLost: LiveView.host_lost,
    e.SessionPaused: _said(lambda body: f"— asleep ({body.reason}) —"),
    e.SessionResuming: _said("— wakes —"),
    e.SessionArchived: _said("— archived: its history stays —"),
    e.SessionFailed: LiveView.session_failed,
    e.SessionEnded: _said("— ended: its history stays —"),
    e.RunStart: LiveView.run_started,
    e.Steered: LiveView.steered,
    e.Queued: LiveView.queued,
    e.AbortRequested: _said("— asked to stop —"),
    e.RunComplete: LiveView.run_done,
    e.RunAborted: LiveView.run_aborted,
    e.RunError: LiveView.run_failed,
    e.TextDelta: LiveView.text,
    e.ReasoningDelta: LiveView.thought,
    e.PartReset: LiveView.part_reset,
    e.PartDone: LiveView.part_done,
    e.ToolStart: LiveView.tool_started,
    e.ToolDelta: LiveView.tool_said,
    e.ToolComplete: LiveView.tool_done,
    e.ToolError: LiveView.tool_failed,
    e.Attachment: LiveView.attachment,
    e.StepFinish: LiveView.step_done,
    e.Retry: LiveView.retried,
    e.Compacting: _said("— makes a summary of what was said —"),
    e.Compacted: _said("— goes on from the summary —"),
    e.PermissionAsked: LiveView.permission_asked,
    e.PermissionReplied: LiveView.answered,
    e.QuestionAsked: LiveView.question_asked,
    e.QuestionReplied: LiveView.answered,
    e.RequestWithdrawn: LiveView.withdrawn,
    e.AgentConfigured: LiveView.configured,
    e.AgentState: LiveView.taken_up,
    e.TodosUpdated: LiveView.todos,
    e.LoopUpdated: LiveView.looped,
    e.GoalUpdated: _said(lambda body: f"goal: {body.status} {body.summary or ''}"),
    e.Verification: LiveView.verified,
    e.SubtaskStart: _said(lambda body: f"↳ {body.task[-6:]} begins: {body.agent} {body.prompt}"),
    e.SubtaskEnd: _said(lambda body: f"↳ {body.task[-6:]} {body.status}"),
    e.FilesChanged: LiveView.files,
    e.ArtifactPublished: _said(lambda body: f"+ artifact {body.key} ({body.mime}, version {body.version})"),
    e.WorkspaceUpdated: LiveView.workspace,
    e.CommandUpdated: LiveView.began,
    e.Native: LiveView.native,
}
"""What is not listed says nothing to a reader of the conversation; `roost replay` shows everything."""
