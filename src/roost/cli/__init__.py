"""The command `roost`. Each command is one file, imported when it is called; this table is all that `--help` needs."""

import sys
from collections.abc import Sequence
from typing import Final

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("roost.cli.run:run", "Run a task in a new session and show what happens."),
    "send": ("roost.cli.send:send", "Give a session more to do and show what happens."),
    "attach": ("roost.cli.attach:attach", "Show a session from its start, or from an event, and go on live."),
    "replay": ("roost.cli.replay:replay", "Print the events of a session, one a line."),
    "ls": ("roost.cli.ls:ls", "List sessions, newest first."),
    "show": ("roost.cli.show:show", "Show how a session stands."),
    "answer": ("roost.cli.answer:answer", "Answer what a session asks: a permission or a question."),
    "approve": ("roost.cli.approve:approve", "Allow what a session asks for."),
    "reject": ("roost.cli.reject:reject", "Refuse what a session asks."),
    "steer": ("roost.cli.steer:steer", "Say something into the open run of a session."),
    "queue": ("roost.cli.queue:queue", "List, add or remove inputs that wait for their turn."),
    "rules": ("roost.cli.rules:rules", "List, add or remove what a session may do without asking."),
    "pause": ("roost.cli.pause:pause", "Put sessions to sleep; they cost nothing and can be woken."),
    "resume": ("roost.cli.resume:resume", "Wake sessions, or let their queue go on."),
    "abort": ("roost.cli.abort:abort", "Stop the open run of sessions; they stay usable."),
    "archive": ("roost.cli.archive:archive", "Stop sessions for good and keep their history."),
    "rm": ("roost.cli.rm:rm", "Delete sessions, and the folders Roost made for them."),
    "up": ("roost.cli.up:up", "Serve a hub here until it is stopped."),
    "down": ("roost.cli.down:down", "Put every session to sleep and stop the hub."),
    "doctor": ("roost.cli.doctor:doctor", "Check this machine, the data folder and the hub."),
    "version": ("roost.cli.version:version", "Say which Roost this is, and which the hub is."),
}
"""Name: where the command is, and what it does in one line."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code (docs/reference/cli.md, "Exit codes")."""
    from roost.cli.entry import execute

    sys.exit(execute(sys.argv[1:] if arguments is None else list(arguments)))
