"""From arguments to a command, and from whatever it raises to words and an exit code."""

import io
import sys
from collections.abc import Sequence
from importlib import import_module
from inspect import cleandoc
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from roost.cli import COMMANDS
from roost.cli.codes import BROKEN_PIPE, DETACHED, ERROR, OK, USAGE
from roost.cli.examples import lines as examples
from roost.cli.terminal import mute_stdout

FOREIGN = "httpx._main"
"""The command line of a library, which it loads where it can: three libraries more, for nobody here."""
EPILOG = "A session is named by its id, the 12 digits of it, or as few of the first as are unique."


class Command(TyperCommand):
    """A command whose reader may leave at any time (`roost replay ... | head`)."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (BrokenPipeError, BaseExceptionGroup) as error:
            if not isinstance(_first(error), BrokenPipeError):  # pyright: ignore[reportUnknownArgumentType]
                raise
            mute_stdout()
            return BROKEN_PIPE
        return result


class Commands(TyperGroup):
    """All commands by name and line; the one that is called, or completed, is loaded."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name, (_, line) in COMMANDS.items():
            self.add_command(TyperCommand(name, help=line, rich_markup_mode=None))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else None, rest


def load(name: str) -> Any:
    """The command of this name, with its options."""
    path, line = COMMANDS[name]
    module, _, function = path.partition(":")
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    called = getattr(import_module(module), function)
    app.command(name, cls=Command, help=f"{line}\n\n{cleandoc(called.__doc__ or '')}")(called)
    command = get_command(app)
    names_session = any(param.name in ("session", "sessions") for param in command.params)
    command.epilog = "\n\n".join(["\b\nExamples:\n" + "\n".join(examples(name)), *([EPILOG] if names_session else [])])
    return command


def commands() -> Any:
    """The command `roost`."""
    app = typer.Typer(cls=Commands, rich_markup_mode=None, no_args_is_help=True)
    app.callback()(root)
    return get_command(app)


def _show_version(value: bool) -> None:
    if value:
        from roost.cli.version import words

        print(words())
        raise typer.Exit


def root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Say which this is."),
) -> None:
    """Coding-agent sessions that survive: run them, watch them, answer them, replay them."""


def execute(arguments: Sequence[str]) -> int:
    """The exit code of this command line. Everything that can go wrong is said on stderr."""
    from roost.model.errors import RoostError

    cast("dict[str, object]", sys.modules).setdefault(FOREIGN, None)  # it takes that as not installed
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows another
    try:
        result = commands().main(args=list(arguments), prog_name="roost", standalone_mode=False)
    except typer.TyperException as error:
        return _usage(error, arguments)
    except typer.Abort:
        return DETACHED
    except RoostError as error:
        return _refused(error, arguments)
    except BaseExceptionGroup as group:
        return _refused(_first(group), arguments)  # pyright: ignore[reportUnknownArgumentType]
    except OSError as error:
        return _refused(error, arguments)
    return result if isinstance(result, int) else OK


def _first(group: BaseException) -> BaseException:
    """What really happened, inside however many groups."""
    while isinstance(group, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", group).exceptions[0]
    return group


def _usage(error: typer.TyperException, arguments: Sequence[str]) -> int:
    from roost.cli.problems import UsageWrong, tell

    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())
        return USAGE
    tell(UsageWrong(error.format_message()), as_json=_wants_json(arguments), command=_called(arguments))
    return USAGE


def _refused(error: BaseException, arguments: Sequence[str]) -> int:
    from roost.cli.problems import exit_code, tell
    from roost.model.errors import RoostError

    if isinstance(error, KeyboardInterrupt):
        return DETACHED
    if isinstance(error, OSError):
        error = RoostError(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
    if not isinstance(error, RoostError):
        raise error
    tell(error, as_json=_wants_json(arguments), command=_called(arguments))
    return exit_code(error) or ERROR


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether `--json` was given, also where the line could not be understood."""
    before, _, _ = "\0".join(arguments).partition("\0--\0")
    return "--json" in before.split("\0")


def _called(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if word in COMMANDS), "")
