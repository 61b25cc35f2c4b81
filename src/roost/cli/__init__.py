"""The command `roost`. Each command is one file, imported when it is called; this table is all that `--help` needs."""

import sys
from collections.abc import Sequence
from typing import Final

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("roost.cli.run:run", "Run a task in a new session and show what happens."),
    "send": ("roost.cli.send:send", "Give a session more to do and show what happens."),
    "attach": ("roost.cli.attach:attach", "Show a session from its start, or from an event, and go on live."),
    "terminal": ("roost.cli.terminal_:terminal", "Sit down at the screen of a session's agent."),
    "replay": ("roost.cli.replay:replay", "Print the events of a session, one a line."),
    "ls": ("roost.cli.ls:ls", "List sessions, newest first."),
    "watch": ("roost.cli.watch:watch", "Show what happens in all sessions, and who needs a person."),
    "show": ("roost.cli.show:show", "Show how a session stands."),
    "who": ("roost.cli.who:who", "Say who is attached to a session."),
    "messages": ("roost.cli.messages:messages", "Print the conversation of a session."),
    "runs": ("roost.cli.runs:runs", "List what a session was asked, and how that ended."),
    "todos": ("roost.cli.todos:todos", "Print the plan of a session's agent."),
    "metrics": ("roost.cli.metrics:metrics", "Print what a session has used: steps, tools, tokens, cost."),
    "logs": ("roost.cli.logs:logs", "Print what host and agent of a session logged."),
    "label": ("roost.cli.label:label", "Name a session."),
    "tag": ("roost.cli.tag:tag", "Add or remove tags of a session."),
    "hide": ("roost.cli.hide:hide", "Take sessions off lists, or put them back."),
    "answer": ("roost.cli.answer:answer", "Answer what a session asks: a permission or a question."),
    "approve": ("roost.cli.approve:approve", "Allow what a session asks for."),
    "reject": ("roost.cli.reject:reject", "Refuse what a session asks."),
    "steer": ("roost.cli.steer:steer", "Say something into the open run of a session."),
    "queue": ("roost.cli.queue:queue", "List, add or remove inputs that wait for their turn."),
    "loop": ("roost.cli.loop:loop", "Work towards a goal, in one run after the other."),
    "rules": ("roost.cli.rules:rules", "List, add or remove what a session may do without asking."),
    "configure": ("roost.cli.configure:configure", "Show or change how a session works, and who sees it."),
    "options": ("roost.cli.options_:options", "List how the agent of a session can be set, and how it is set."),
    "command": ("roost.cli.command:command", "List the commands of a session's agent, or run one."),
    "pause": ("roost.cli.pause:pause", "Put sessions to sleep; they cost nothing and can be woken."),
    "resume": ("roost.cli.resume:resume", "Wake sessions, or let their queue go on."),
    "shell": ("roost.cli.shell:shell", "Run a command in the workspace of a session."),
    "cat": ("roost.cli.cat:cat", "Print files of a workspace."),
    "put": ("roost.cli.put:put", "Put a file into a workspace."),
    "ls-files": ("roost.cli.ls_files:ls_files", "List the files of a workspace."),
    "rm-file": ("roost.cli.rm_file:rm_file", "Remove files from a workspace."),
    "disk": ("roost.cli.disk:disk", "Say what a workspace takes."),
    "diff": ("roost.cli.diff:diff", "Show what a session has changed."),
    "merge": ("roost.cli.merge:merge", "Merge the work of a session into the branch it came from."),
    "discard": ("roost.cli.discard:discard", "Give up what a session has changed."),
    "artifacts": ("roost.cli.artifacts:artifacts", "List or print what a session has published."),
    "abort": ("roost.cli.abort:abort", "Stop the open run of sessions; they stay usable."),
    "archive": ("roost.cli.archive:archive", "Stop sessions for good and keep their history."),
    "end": ("roost.cli.end:end", "Destroy what sessions work in, and keep their history."),
    "export": ("roost.cli.export:export", "Write a session into one file."),
    "import": ("roost.cli.import_:import_", "Take a session from such a file, as history."),
    "native": ("roost.cli.native:native", "List or bring in sessions that agents have had by themselves."),
    "backup": ("roost.cli.backup:backup", "Write the data folder of a running hub into one file."),
    "restore": ("roost.cli.restore:restore", "Make a data folder of a backup."),
    "rm": ("roost.cli.rm:rm", "Delete sessions, and the folders Roost made for them."),
    "library": ("roost.cli.library:library", "List, add and prepare what sessions can be given."),
    "agents": ("roost.cli.agents:agents", "List agents, what each needs, and install them."),
    "keys": ("roost.cli.keys:keys", "List, add, rotate or revoke API keys."),
    "users": ("roost.cli.users:users", "List who has a key."),
    "audit": ("roost.cli.audit:audit", "Print who did what."),
    "acp": ("roost.cli.acp:acp", "Be an agent that an editor starts: it has all sessions then."),
    "up": ("roost.cli.up:up", "Serve a hub here until it is stopped."),
    "down": ("roost.cli.down:down", "Put every session to sleep and stop the hub."),
    "doctor": ("roost.cli.doctor:doctor", "Check this machine, the data folder and the hub."),
    "completion": ("roost.cli.completion:completion", "Print what a shell needs to complete commands and sessions."),
    "version": ("roost.cli.version:version", "Say which Roost this is, and which the hub is."),
}
"""Name: where the command is, and what it does in one line."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code (docs/reference/cli.md, "Exit codes")."""
    from roost.cli.entry import execute

    sys.exit(execute(sys.argv[1:] if arguments is None else list(arguments)))
