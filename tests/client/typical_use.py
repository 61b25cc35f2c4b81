"""What people write, checked by pyright in strict mode (test_sync.py): every type is known without a cast."""

import sys
from collections.abc import Iterator

from roost import (
    AsyncClient,
    AsyncSession,
    Client,
    Event,
    Message,
    PermissionNotFound,
    RoostError,
    SendResult,
    Session,
    SessionArchived,
    SessionBusy,
    SessionInfo,
)  # fmt: skip
from roost.model.commands import ChangeLoop, CreateSession, Update
from roost.model.events import (
    Blob,
    FileInput,
    PermissionAsked,
    QuestionAsked,
    ReasoningDelta,
    Rule,
    RunError,
    TextDelta,
)  # fmt: skip
from roost.model.info import Accepted, SessionConfig
from roost.model.keys import NewKey
from roost.model.record import Metrics
from roost.model.snapshot import Snapshot
from roost.model.workspace import Diff


def first_session(text: str) -> float:
    with Client() as client:
        session: Session = client.create_session(task=text, tags=["demo"], metadata={"ticket": 7}, label="demo")
        info: SessionInfo = session.info()
        print(info.session, info.status, info.phase.upper())
        result: SendResult = session.send("and now?", on_text=sys.stdout.write, on_permission=lambda asked: "once")
        for part in result.parts:
            print(part.id)
        return result.cost


def watch(session: Session) -> Iterator[str]:
    for event in session.events(after=0, until=("run-complete", "run-error")):
        match event.body:
            case TextDelta(delta=delta) | ReasoningDelta(delta=delta):
                print(delta.strip())
            case RunError(error=failure):
                print(failure.code, failure.message)
            case other:
                print(other)
        yield event.type


def stream_text(session: Session) -> int:
    seq = 0
    for event in session.stream("count to 3"):
        seq = max(seq, event.seq)
    return seq


def careful(client: Client, name: str) -> str:
    try:
        run = client.session(name).start("go on", key="mine-1").run
    except SessionBusy as error:
        return f"busy with {error.details['run']}"
    except (SessionArchived, PermissionNotFound):
        return "over"
    except RoostError as error:
        return error.code + error.message
    return str(run)


def tidy(client: Client) -> list[str]:
    labels: list[str] = []
    for info in client.list_sessions(phase="paused", limit=10).sessions:
        labels.append(info.label)
        client.session(info.session).archive()
    return labels


def workspace(session: Session) -> bytes:
    done = session.shell("ls", timeout=5000)
    print(done.exit_code)
    session.put_file("notes.txt", (piece.encode() for piece in ("one", "two")))
    text: str = session.get_file("notes.txt")
    with session.open_file("notes.txt") as pieces:
        return b"".join(pieces) + text.encode()


def one_connection(session: Session) -> int:
    with session.connect(types=["run-start", "run-complete"]) as socket:
        seq: int = socket.start("count to 3").seq
        for event in socket.events(until="run-complete"):
            seq = event.seq
        print([each.user for each in socket.participants])
        return seq


def deciding(client: Client, session: Session) -> None:
    for waiting in client.pending():
        print(waiting.label, waiting.request.request)
    for entry in session.pending_permissions():
        match entry.asked:
            case PermissionAsked(permission=permission, patterns=patterns):
                print(permission, ", ".join(patterns))
                session.reply_to_permission(entry.request, "reject", "do this instead")
            case QuestionAsked(questions=questions):
                session.reply_to_question(entry.request, [[questions[0].options[0].label]])
    for entry in session.pending():
        session.answer_question(entry.request, [["yes"]])
        session.reject_question(entry.request)
    config: SessionConfig = session.config()
    rule = Rule(permission="bash", pattern="git *", action="allow")
    config = session.configure(timeouts={"idle": "10m"}, add_rules=[rule], expect=config.version)
    print(config.policy.headless, config.timeouts.idle, [each.pattern for each in config.granted])


def steering(session: Session) -> list[str]:
    accepted: Accepted = session.steer("to the left")
    for event in session.events_of(accepted):
        print(event.type)
    result: SendResult = session.result(session.run_of(session.queue("then this")))
    for waiting in session.queued():
        session.unqueue(waiting.message)
    session.abort(reason="enough")
    session.pause(wait=False)
    session.resume()
    info: SessionInfo = session.wait_idle()
    info = session.update(label="done", add_tags=["good"], metadata={"ticket": 8}, visibility="organization")
    return [result.text, *info.tags]


def the_agents_own(client: Client, session: Session) -> str:
    for command in session.commands():
        print(command.name, command.description)
    session.start_command("review", "the last change", delivery="queue")
    print(session.screen().text)
    with session.terminal() as terminal:
        terminal.write(b"y")
        print(terminal.read())
    for native in client.natives(agent="claude").natives:
        client.import_native(native.agent, native.id)
    return session.run_command("compact")


def looping(session: Session) -> str:
    session.start_loop("all tests pass", max_iterations=5)
    session.pause_loop()
    session.adjust_loop(auto_continue=False)
    session.resume_loop()
    session.cancel_loop()
    session.change_loop(ChangeLoop(action="leave"))
    return session.loop().status


def knowing(session: Session) -> float:
    snapshot: Snapshot = session.snapshot()
    events: list[Event] = [*session.read(after=snapshot.seq, limit=10).events]
    for run in session.runs(limit=5):
        events += session.read_run(run.run).events
        events += session.run_events(run.run)
        print(session.run(run.run).status.is_active)
    for message in session.messages(limit=5):
        print(session.message(message.info.id).info.role)
    print([(todo.content, todo.status) for todo in session.todos()], [each.user for each in session.participants()])
    print(session.diagnostics(log_bytes=1000).log.splitlines())
    metrics: Metrics = session.metrics()
    return metrics.cost + sum(metrics.tool_usage.values())


def files_and_changes(session: Session) -> bytes:
    for entry in session.list_files("src", recursive=True).files:
        print(entry.path, entry.size, session.stat(entry.path).modified_at)
    session.remove_file("old")
    diff: Diff = session.diff()
    print(session.disk_use().bytes, [(each.path, each.change) for each in diff.files], diff.patch_bytes)
    print(session.merge(message="all of it").commit, session.discard(force=True).commit)
    text: str = session.get_artifact(session.list_artifacts()[0].key, version=1)
    return session.get_file_buffer("picture.png") + session.get_artifact_buffer("report") + text.encode()


def moving(client: Client, session: Session) -> None:
    with session.export() as pieces:
        copy: Session = client.import_session(b"".join(pieces), new_id=True)
    with client.backup() as pieces:
        print(sum(len(piece) for piece in pieces))
    print(copy.end(force=True).kept, copy.delete().pos, client.delete_session(session.id, force=True).session)


def the_hub(client: Client) -> None:
    blob: Blob = client.put_blob(b"bytes", mime="image/png")
    session: Session = client.create(
        CreateSession(task="look", input=(FileInput(url=f"blob:{blob.hash}", mime=blob.mime),))
    )
    print(client.get_blob(blob.hash), client.get_session(session.id).label)
    found: list[SessionInfo] = client.search("ticket").sessions
    print(len(found), client.counts(tags="demo").statuses["active"], [each.name for each in client.agents()])
    print(client.address.url, client.health().version, client.ready(), client.library().skills())
    key: NewKey = client.add_key("ada", scope="observer")
    print(client.rotate_key(key.key.id).secret, client.revoke_key(key.key.id).user)
    print([each.scope for each in client.list_keys()], [each.user for each in client.users()])
    print([entry.event for entry in client.read_feed(limit=5).entries], client.audit().entries)
    for entry in client.feed("now"):
        print(entry.pos, entry.session)
    client.shutdown()


def on_a_socket(session: Session) -> bool:
    with session.connect() as socket:
        socket.command(Update(hidden=True))
        for participants in socket.presence():
            print([each.role for each in participants])
        return socket.linked


async def the_same_awaited(text: str) -> list[Event]:
    async with AsyncClient() as client:
        session: AsyncSession = await client.create_session(task=text)
        seen = [event async for event in session.events(until="run-complete")]
        messages: tuple[Message, ...] = await session.messages()
        print(messages[-1].text)
        return seen
