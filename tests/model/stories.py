"""Logs for tests: `Story` numbers bodies, dates them and folds them as they come."""

from msgspec import UNSET, Raw, UnsetType

from roost.model import events as e
from roost.model.envelope import AnyBody, Event, encode_body
from roost.model.ids import MessageId, PartId, RequestId, RunId, SessionId, TaskId
from roost.model.messages import Message, Part, ToolPart, decode_message
from roost.model.snapshot import Fold, Snapshot, decode_snapshot, encode_snapshot

SESSION = SessionId("codesess_00112233aabb")
ANN = e.Principal(user="ann")
FIRST_AT = 1_700_000_000_000


def message(number: int = 1) -> MessageId:
    return MessageId(f"msg_{number}")


def part(number: int = 1) -> PartId:
    return PartId(f"part_{number}")


def request(number: int = 1) -> RequestId:
    return RequestId(f"req_{number}")


def run(number: int = 1) -> RunId:
    return RunId(f"run_{number}")


def task(number: int = 1) -> TaskId:
    return TaskId(f"task_{number}")


def said(text: str) -> tuple[e.InputPart, ...]:
    return (e.TextInput(text=text),)


def created(mode: str = "sandbox") -> e.SessionCreated:
    return e.SessionCreated(
        session=SESSION,
        label="a story",
        agent="scripted",
        workspace=e.WorkspaceSpec(kind="folder", path="/repo"),
        owner=ANN,
        mode="tui" if mode == "tui" else "sandbox",
    )


def event(seq: int, body: AnyBody, run: RunId | UnsetType = UNSET, by: e.Principal | UnsetType = UNSET) -> Event:
    return Event(seq=seq, at=FIRST_AT + seq, raw=Raw(encode_body(body)), run=run, by=by)


class Story:
    """A log that grows. `stored` is what a store would hold of its messages."""

    def __init__(self) -> None:
        self.fold = Fold.empty()
        self.events: list[Event] = []
        self.stored: dict[MessageId, Message] = {}

    def tell(self, *bodies: AnyBody, run: RunId | UnsetType = UNSET, by: e.Principal | UnsetType = UNSET) -> "Story":
        for body in bodies:
            told = event(self.fold.seq + 1, body, run, by)
            self.fold.apply(told)
            self.events.append(told)
            self.stored |= {kept.id: decode_message(kept.data) for kept in self.fold.take_finished()}
        return self

    @property
    def snapshot(self) -> Snapshot:
        return self.fold.snapshot()

    @property
    def messages(self) -> tuple[Message, ...]:
        return self.snapshot.messages

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the last message."""
        return self.messages[-1].parts

    @property
    def tool(self) -> ToolPart:
        """The first tool call of the last message."""
        return next(found for found in self.parts if isinstance(found, ToolPart))


def awake() -> Story:
    """A live session without a run."""
    return Story().tell(created(), e.RuntimeStarting(epoch=1), e.RuntimeReady(epoch=1))


def running() -> Story:
    """A live session with run 1 open, which answers message 1."""
    return awake().tell(e.RunStart(message=message(), input=said("go")), run=run())


def again(snapshot: Snapshot) -> Snapshot:
    """The snapshot as a client reads it."""
    return decode_snapshot(encode_snapshot(snapshot))
