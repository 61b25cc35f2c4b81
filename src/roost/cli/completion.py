"""`roost completion`: what a shell must know to complete commands, options and sessions."""

from typing import Annotated, Final

import typer

from roost.cli import codes
from roost.cli.options import Json

SCRIPTS: Final[dict[str, str]] = {
    "bash": """\
_roost_completion() {
    local IFS=$'\\n'
    COMPREPLY=($(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _ROOST_COMPLETE=complete_bash "$1"))
}
complete -o default -F _roost_completion roost
""",
    "zsh": """\
#compdef roost
_roost_completion() {
    eval "$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _ROOST_COMPLETE=complete_zsh roost)"
}
compdef _roost_completion roost
""",
    "fish": """\
set -l ask env _ROOST_COMPLETE=complete_fish "_TYPER_COMPLETE_ARGS=(commandline -cp)"
complete --command roost --no-files \\
    --arguments "($ask _TYPER_COMPLETE_FISH_ACTION=get-args roost)" \\
    --condition "$ask _TYPER_COMPLETE_FISH_ACTION=is-args roost"
""",
}
"""What each shell reads. `_ROOST_COMPLETE` makes the command answer it."""


def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)],
    as_json: Json = False,
) -> int:
    """Print it, for the shell to read when it starts: `roost completion bash >> ~/.bashrc`; zsh likewise, after
    compinit; `roost completion fish > ~/.config/fish/completions/roost.fish`. With --json: `{"shell", "script"}`."""
    from roost.cli.problems import UsageWrong
    from roost.cli.terminal import print_struct

    if shell not in SCRIPTS:
        raise UsageWrong(f"There is no completion for {shell!r}; there is for {', '.join(SCRIPTS)}.")
    print_struct({"shell": shell, "script": SCRIPTS[shell]}) if as_json else print(SCRIPTS[shell], end="")
    return codes.OK
