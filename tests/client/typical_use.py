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
from roost.model.events import ReasoningDelta, RunError, TextDelta


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


async def the_same_awaited(text: str) -> list[Event]:
    async with AsyncClient() as client:
        session: AsyncSession = await client.create_session(task=text)
        seen = [event async for event in session.events(until="run-complete")]
        messages: tuple[Message, ...] = await session.messages()
        print(messages[-1].text)
        return seen
