"""`roost show`: one session in detail."""

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, structs

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url

if TYPE_CHECKING:
    from roost.model.activity import ActivityInfo
    from roost.model.events import Kit
    from roost.model.info import SessionInfo
    from roost.model.initial import InitialRun
    from roost.model.metrics import Metrics
    from roost.model.record import Record, Run
    from roost.model.snapshot import Snapshot

TODO: Final = {"pending": "☐", "in_progress": "◐", "completed": "☑", "cancelled": "☒"}
SEEN: Final = {
    "private": "its owner",
    "organization": "all of the organisation",
    "collaborate": "all of the organisation, who may act in it",
}


def show(session: OneSession, as_json: Json = False, url: Url = None, data: Data = None) -> int:
    """State, agent, workspace, runs, what waits for an answer and how to give it, todos, counts. With --json: the
    snapshot, and in `info` the session as lists show it, what it is at included."""
    import anyio

    return anyio.run(_show, session, as_json, url, data)


async def _show(name: str, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client
    from roost.cli.terminal import STDOUT, print_struct
    from roost.cli.words import plain

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        snapshot, info = await session.snapshot(), await session.info()
    if as_json:
        print_struct(structs.asdict(snapshot) | {"info": info})
        return codes.OK
    for title, value in facts(info, snapshot):
        first, *rest = plain(value).splitlines() or [""]
        print(f"{STDOUT.style(f'{title:<10}', 'dim')} {first}")
        for line in rest:
            print(f"{'':<10} {line}")
    return codes.OK


def facts(info: "SessionInfo", snapshot: "Snapshot") -> Iterator[tuple[str, str]]:
    """Titles and values, in order; what there is not is left out."""
    from roost.cli.ls import status_of
    from roost.cli.words import age

    record = snapshot.record
    yield "session", f"{info.session}  {info.label}"
    yield "status", f"{status_of(info)} (phase {info.phase}, {info.view.bucket}), epoch {info.epoch}, event {info.seq}"
    yield from _told(info, record)
    yield from _place(info)
    yield "created", f"{age(info.created_at)} ago by {info.owner.user}, last event {age(info.updated_at)} ago"
    yield "seen by", SEEN[info.visibility]
    if info.tags:
        yield "tags", " ".join(info.tags)
    if info.run is not UNSET:
        yield "run", _run(info.run)
    if info.last_run is not UNSET:
        yield "last run", _run(info.last_run)
    yield from _beginning(info)
    if info.error is not UNSET:
        yield "error", f"{info.error.message} ({info.error.code})"
    yield from _asks(record)
    if record.queue:
        yield "queue", f"{len(record.queue)} wait" + (", held until resumed" if record.queue_held else "")
    if record.todos:
        yield "todos", "\n".join(f"{TODO[todo.status]} {todo.content}" for todo in record.todos)
    yield "counts", _counts(record.metrics)


def _asks(record: "Record") -> Iterator[tuple[str, str]]:
    """What waits for a person, and how it is answered."""
    from roost.cli.live import ways_to_answer
    from roost.model.ids import short_id

    for entry in record.pending:
        ways = ways_to_answer(short_id(record.session), entry.asked, alone=len(record.pending) == 1)
        yield "asks", "\n".join([_question(entry.asked), *ways])


def _counts(counted: "Metrics") -> str:
    from roost.cli.words import count

    words = f"{counted.messages} messages, {counted.tool_calls} tool calls, {counted.steps} steps"
    used = counted.tokens
    return f"{words}, {count(used.input)} tokens in, {count(used.output)} out, ${counted.cost:.2f}"


def _beginning(info: "SessionInfo") -> Iterator[tuple[str, str]]:
    """What it was asked to be, beside its first run."""
    from roost.cli.given import loop_words

    if info.loop is not UNSET:
        yield "loop", loop_words(info.loop)
    if info.kit is not UNSET:
        yield "given", _given(info.kit)
    if info.command is not UNSET:
        yield "begun", _begun(info.command)


def _agent(info: "SessionInfo") -> str:
    """Its model, if one was chosen; its own session, if that was there before; how to sit down at its screen."""
    from roost.model.ids import short_id

    was = f", its session {info.origin.id}" if info.origin else ""
    screen = info.driver == "terminal" or info.capabilities.get("terminal")
    sit = f", on its own screen: roost terminal {short_id(info.session)}" if screen else ""
    return info.agent + (f", {info.model}" if info.model else "") + was + sit


def _told(info: "SessionInfo", record: "Record") -> Iterator[tuple[str, str]]:
    """What it is at; its agent, how that says that it is set, and whose tools it was given."""
    from roost.cli.words import brief

    if info.activity:
        yield "activity", _activity(info.activity)
    yield "agent", _agent(info)
    if record.settings:
        yield "set to", ", ".join(f"{name} {brief(value)}" for name, value in record.settings.items())
    if record.mcp:
        yield "tools of", ", ".join(server.name for server in record.mcp)


def _activity(activity: "ActivityInfo") -> str:
    """What it is at, since when, and how that is known."""
    from roost.cli.words import age, inline

    since = "" if activity.since is UNSET else f" for {age(activity.since)}"
    unsure = "" if activity.trust == "valid" else f", {activity.trust}"
    return f"{activity.state}{since}: {inline(activity.evidence)} ({activity.source}{unsure})"


def _given(kit: "Kit") -> str:
    """What the session works with, by name."""
    words = {
        "files": [file.path for file in kit.files],
        "skills": [skill.skill for skill in kit.skills],
        "agents": list(kit.enabled_agents),
        "persona": [] if kit.persona is UNSET else [f"{kit.persona.slug}, version {kit.persona.version}"],
        "template": [] if kit.template is UNSET else [kit.template.name],
        "command": [] if kit.command is UNSET else [shlex.join(kit.command.exec)],
    }
    return "\n".join(f"{title}: {', '.join(names)}" for title, names in words.items() if names)


def _begun(run: "InitialRun") -> str:
    """What has become of its first command, with the end of its output if something is wrong."""
    if run.error is not UNSET:
        return f"{run.error.message} ({run.error.code})\n{run.output or ''}"
    code = "" if run.exit_code is UNSET else f", exit code {run.exit_code}"
    return run.status + code + (f"\n{run.output}" if run.exit_code and run.output else "")


def _place(info: "SessionInfo") -> Iterator[tuple[str, str]]:
    from roost.cli.walls import enclosure_words
    from roost.cli.words import folder

    place = info.workspace
    yield from enclosure_words(info.sandbox)
    yield "workspace", f"{place.kind} {place.url or folder(place.path)}" + _made(place.root, place.branch)


def _made(root: object, branch: object) -> str:
    from roost.cli.words import folder

    words = f"\nat {folder(root)}" if isinstance(root, str) and root else ""
    return words + (f", branch {branch}" if isinstance(branch, str) and branch else "")


def _run(run: "Run") -> str:
    from roost.cli.words import age, duration, one_line

    if run.ended_at is UNSET:
        return f"{run.run}, {run.status}, since {age(run.started_at)}"
    words = f"{run.run}, {run.status} in {duration(run.ended_at - run.started_at)}"
    if run.error is not UNSET:
        return f"{words}: {run.error.message} ({run.error.code})"
    said = run.result.text if run.result is not UNSET and run.result.text is not UNSET else ""
    return words + (f"\n{one_line(said, 100)}" if said else "")


def _question(asked: object) -> str:
    from roost.model.events import PermissionAsked, QuestionAsked

    if isinstance(asked, PermissionAsked):
        return f"may it {asked.permission}: {', '.join(asked.patterns) or 'this'}"
    assert isinstance(asked, QuestionAsked)
    return "; ".join(question.question for question in asked.questions)
