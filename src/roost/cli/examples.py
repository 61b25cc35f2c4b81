"""What `roost COMMAND --help` shows last: the command as one types it, and what that is for. `4f2a` names a session."""

from typing import Final

EXAMPLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "run": (
        ('roost run --agent claude "fix the failing test"', ""),
        ("roost run --agent codex --detach - < task.md", "a long task, and back"),
        ('roost run --agent pi --driver terminal "tidy up"', "on the agent's own screen"),
        ('roost run --goal "make test passes" --iterations 5 "go on"', ""),
    ),
    "send": (('roost send 4f2a "and now the docs"', ""), ('roost send 4f2a --attach shot.png "like this"', "")),
    "attach": (("roost attach 4f2a", "from its start"), ("roost attach 4f2a --after 1200", "what followed event 1200")),
    "terminal": (("roost terminal 4f2a", "Ctrl-B d leaves"), ("roost terminal 4f2a --watch", "only look")),
    "replay": (("roost replay 4f2a | head", ""), ("roost replay 4f2a --after 1200 --follow --json", "for a program")),
    "ls": (
        ("roost ls --activity waiting_input", "who waits for a person"),
        ("roost ls --search invoice --tag urgent", ""),
        ("roost ls --folder . --json", "those of this folder, for a program"),
    ),
    "watch": (("roost watch", ""), ("roost watch --asks --once", "only who needs a person, now")),
    "show": (("roost show 4f2a", ""),),
    "who": (("roost who 4f2a --left", "and who was here"),),
    "messages": (("roost messages 4f2a --limit 10", "the last ten"),),
    "runs": (("roost runs 4f2a", ""),),
    "todos": (("roost todos 4f2a", ""),),
    "metrics": (("roost metrics 4f2a --json", ""),),
    "logs": (("roost logs 4f2a --follow", ""),),
    "label": (('roost label 4f2a "Invoices"', ""),),
    "tag": (("roost tag 4f2a urgent --remove later", ""),),
    "hide": (("roost hide 4f2a 9c10", ""), ("roost hide 4f2a --undo", "")),
    "answer": (('roost answer 4f2a "the blue one"', "a question"), ("roost answer 4f2a once", "a permission")),
    "approve": (("roost approve 4f2a", "this once"), ("roost approve 4f2a --always", "and whatever is like it")),
    "reject": (("roost reject 4f2a", "ends the run"), ('roost reject 4f2a -m "use make"', "lets it go on")),
    "steer": (('roost steer 4f2a "leave the tests alone"', ""),),
    "queue": (('roost queue 4f2a "then the docs"', ""), ("roost queue 4f2a --remove 1", "the first that waits")),
    "loop": (
        ('roost loop 4f2a --start --goal "make test passes" --iterations 5', ""),
        ("roost loop 4f2a --pause", ""),
    ),
    "rules": (
        ('roost rules 4f2a --allow "bash:git *" --deny "bash:rm *"', ""),
        ("roost rules 4f2a --remove 1", "the first listed"),
    ),
    "configure": (
        ("roost configure 4f2a --model opus --mode plan", ""),
        ("roost configure 4f2a --headless park --idle 2h", "nobody is there to ask"),
    ),
    "options": (("roost options 4f2a", ""),),
    "command": (("roost command 4f2a", "which there are"), ('roost command 4f2a review "the last change"', "")),
    "pause": (("roost pause 4f2a 9c10", ""),),
    "resume": (("roost resume 4f2a", ""),),
    "shell": (('roost shell 4f2a "git log -3"', ""), ('roost shell 4f2a --timeout 60 "make test"', "")),
    "cat": (("roost cat 4f2a README.md", ""),),
    "put": (("roost put 4f2a shot.png docs/shot.png", ""),),
    "ls-files": (("roost ls-files 4f2a src --recursive", ""),),
    "rm-file": (("roost rm-file 4f2a old.txt", ""),),
    "disk": (("roost disk 4f2a", ""),),
    "diff": (("roost diff 4f2a | less -R", ""), ("roost diff 4f2a --names", "")),
    "merge": (('roost merge 4f2a --message "Invoices"', ""),),
    "discard": (("roost discard 4f2a --force", "also what is not committed"),),
    "artifacts": (("roost artifacts 4f2a", ""),),
    "abort": (("roost abort 4f2a", ""),),
    "archive": (("roost archive 4f2a", ""),),
    "end": (("roost end 4f2a", ""), ("roost end 4f2a --force", "also with work that is not committed")),
    "export": (("roost export 4f2a --output 4f2a.roost", ""),),
    "import": (("roost import 4f2a.roost", ""), ("roost import 4f2a.roost --new-id", "beside the one it is of")),
    "native": (("roost native ls --folder .", ""), ("roost native import 0f3c", "as much of its id as is unique")),
    "backup": (("roost backup roost.backup", "while the hub runs"),),
    "restore": (("roost restore roost.backup --data ~/restored", ""),),
    "rm": (("roost rm 4f2a", ""), ("roost rm 4f2a --force", "also with work that is not committed")),
    "library": (("roost library list skill", ""), ("roost library add skill review.json", "")),
    "agents": (
        ("roost agents", ""),
        ("roost agents install claude", "into Roost's own folder"),
        ("roost agents login claude", ""),
    ),
    "keys": (("roost keys add --scope observer --label dashboard", ""), ("roost keys revoke 119debda", "")),
    "users": (("roost users", ""),),
    "audit": (("roost audit --json", ""),),
    "acp": (("roost acp --agent claude", "as the command in an editor's settings"),),
    "up": (
        ("roost up", ""),
        ("roost up --agent claude --port 7878", ""),
        ("roost up --host 0.0.0.0 --allow-host hub.lan", ""),
    ),
    "down": (("roost down", ""),),
    "doctor": (("roost doctor", ""),),
    "completion": (("roost completion bash > ~/.local/share/bash-completion/completions/roost", ""),),
    "version": (("roost version", ""),),
}


def lines(name: str) -> list[str]:
    """The examples of this command, what they are for in a column of its own."""
    examples = EXAMPLES[name]
    width = max((len(typed) for typed, why in examples if why), default=0)
    return [f"  {typed:<{width}}  # {why}" if why else f"  {typed}" for typed, why in examples]
