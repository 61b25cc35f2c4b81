"""What a driver is, and what it is given."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import UNSET, UnsetType

from roost.model import events as e
from roost.model.envelope import Event
from roost.model.ids import RunId, Seq
from roost.model.sandbox import Enclosed
from roost.ports.screens import Screen, View


class Process(Protocol):
    """A running command in its own process group."""

    pid: int

    def output(self) -> AsyncIterator[bytes]:
        """Standard output and error, together, as they come."""
        ...

    async def wait(self) -> int:
        """The exit code; negative: the signal that killed it."""
        ...

    async def kill(self) -> None:
        """Kill the whole tree; returns when it is gone."""
        ...


class Program(Protocol):
    """An agent that is a process of its own. It outlives runs, and is gone with its host, whatever it has started."""

    pid: int

    async def write(self, data: bytes) -> None:
        """To its standard input. Raises: OSError: it does not listen any more."""
        ...

    def stdout(self) -> AsyncIterator[bytes]:
        """Its standard output, as it comes, to its end; to be read once."""
        ...

    async def wait(self) -> int:
        """The exit code; negative: the signal that killed it."""
        ...

    def now(self) -> float:
        """This moment, for `kill_offspring`."""
        ...

    async def kill_offspring(self, since: float) -> None:
        """Kill whatever it has started since that moment; it goes on itself."""
        ...

    async def kill(self) -> None:
        """Kill the whole tree; returns when it is gone."""
        ...


class Pipe(Protocol):
    """A program at the other end of a connection."""

    def read(self) -> AsyncIterator[bytes]:
        """What it says, as it comes, to its end; to be read once."""
        ...

    async def write(self, data: bytes) -> None:
        """Raises: OSError: it does not listen any more."""
        ...


class Home(Protocol):
    """What an agent has beside its runs."""

    @property
    def sandboxed(self) -> bool:
        """Whether something encloses it and its tools."""
        ...

    async def listen(self, workspace: Path, heard: Callable[[Pipe], Awaitable[None]]) -> Sequence[str]:
        """Let programs that the agent starts talk to its driver. Returns a command; whoever runs it in or below the
        workspace, also in the sandbox, has its standard input and output connected with a call of `heard`, until that
        returns or the host goes. Raises: OSError: there is no place for it."""
        ...

    @property
    def folder(self) -> Path:
        """For sockets and drafts of the session's hosts: private, made when it is asked for, gone when the session
        sleeps or ends. A host that dies leaves it, with what `outlast` has started, to the next."""
        ...

    async def launch(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], outside: bool = False
    ) -> Program:
        """Start the agent in its own group. What it says on standard error goes to the session's log of diagnostics.
        `outside` of the sandbox: for a program that is no agent. Raises: OSError: it cannot be started;
        SandboxUnavailable."""
        ...

    async def enclose(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Enclosed:
        """How to have another program start this in the sandbox, or without one, if there is none. Raises:
        SandboxUnavailable."""
        ...

    async def outlast(self, command: Sequence[str], *, env: Mapping[str, str]) -> int:
        """Run this to its end in `folder`, outside of the sandbox; the exit code. What it leaves behind goes on when
        this host dies, and is taken up by the next; it ends with whatever else ends the host. Raises: OSError."""
        ...

    async def view(self, command: Sequence[str], *, columns: int, rows: int) -> View:
        """Run this in `folder`, outside of the sandbox, on a terminal of its own. Raises: OSError."""
        ...

    def show(self, screen: Screen) -> None:
        """From now on people may look at this."""
        ...

    def able(self, capabilities: dict[str, Any]) -> None:
        """From now on the agent can do this, instead of what `Driver.start` returned. At most 64 KiB as JSON."""
        ...

    def configured(self, how: e.AgentConfigured) -> None:
        """The agent is set like this now: an event of the log, of no run. Does not wait for the hub."""
        ...


class Turn(Protocol):
    """What a driver is given for one run. All events it emits belong to this run, in the order of the calls."""

    run: RunId
    input: tuple[e.InputPart, ...]
    workspace: Path
    env: Mapping[str, str]

    async def emit(self, *bodies: e.Body | bytes) -> None:
        """Hand over events. First delta of a part leaves at once, later ones are coalesced (25 ms or 1 KiB). Ready-made
        JSON bytes are kept as they are and never coalesced. Does not wait for the hub. Raises: SpoolFull."""
        ...

    async def drained(self, below: int) -> None:
        """Wait until fewer than `below` events are unacknowledged."""
        ...

    async def ask(self, asked: e.PermissionAsked) -> e.PermissionReplied:
        """Emit the request and wait for its reply, however long, over reconnects. Cancelled, it is withdrawn."""
        ...

    async def ask_question(self, *questions: e.Question) -> e.QuestionReplied:
        """The same with questions."""
        ...

    async def spawn(self, command: Sequence[str] | str, *, cwd: Path | None = None) -> Process:
        """Start a command (a string goes to the shell) in its own group, registered with the host's tree."""
        ...

    async def keep(self, content: bytes | Path, mime: str) -> e.Blob:
        """Have the hub keep this, or a file of the workspace, for as long as the session exists, so that an event may
        refer to it. Raises: BodyTooLarge, StorageFull, FileMissing, NotAFile, PathOutside."""
        ...

    async def fetch(self, part: e.FileInput) -> bytes:
        """The content of a file that was given with an input. Raises: BlobNotFound, InvalidBody."""
        ...

    def steered(self) -> Sequence[tuple[e.InputPart, ...]]:
        """Inputs that joined the run since the last call; calling it counts them as read."""
        ...


class Past(Protocol):
    """What was before this host, for an agent that takes its conversation up again."""

    @property
    def state(self) -> Mapping[str, Any]:
        """What the driver has kept last, in this host or an older one; empty: nothing."""
        ...

    def keep(self, state: Mapping[str, Any], taken_up: e.TakenUp | UnsetType = UNSET) -> None:
        """Keep this instead, as an event of the log: at most 32 KiB as JSON, to be read by whoever may see the session.
        `taken_up`: how the agent has just taken up its conversation. Does not wait for the hub. Raises: BodyTooLarge,
        SpoolFull."""
        ...

    def events(self, after: Seq = 0) -> AsyncIterator[Event]:
        """The session's log up to its present end. Waits for a hub that is away. `roost.model.conversation` folds it to
        messages."""
        ...


class Driver(Protocol):
    """Translates one kind of agent to our events and our commands to it. One per host; lives as long as it."""

    async def start(
        self, workspace: Path, env: Mapping[str, str], options: Mapping[str, Any], past: Past, home: Home
    ) -> dict[str, Any]:
        """Get ready; returns what the agent can do, at most 64 KiB as JSON (PROTOCOL.md, "Agents"). `options`: `model`,
        `mode` and whatever else is configured; `kit`, an `events.Kit`, if the session was given something: its files
        and skills are in their places; `mcp`, its `events.McpServer`s, with their secrets, if there are any. Raises:
        StartFailed; it may be tried again."""
        ...

    async def configure(self, changed: e.ConfigChanged) -> None:
        """Somebody has changed `model`, `mode` or `options`: in the order of the log, each before any run that was
        started later, and also while one goes on. What `start` was given may come again."""
        ...

    async def run(self, turn: Turn) -> e.RunResult:
        """Carry out one run. The host writes the run's end: `run-complete` with what is returned, `run-error` for an
        exception (a RoostError keeps its code), `run-aborted` after an abort."""
        ...

    async def abort(self) -> None:
        """Ask the agent to stop its run; the host cancels `run` if that takes longer than 2 s."""
        ...

    async def close(self) -> None: ...
