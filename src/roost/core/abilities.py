"""What an agent cannot be set to, and commands that it does not have, are refused before they are recorded, as far as
that is known: while it is here. Of what is not known then, the log tells what became of it. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from roost.model import commands as c
from roost.model.errors import CommandNotFound, InvalidBody, OptionUnknown
from roost.model.options import OURS, CommandList, Option, SessionOptions, commands_of, options_of
from roost.model.record import Record


def check_able(command: c.AnyCommand, capabilities: Mapping[str, Any]) -> None:
    """Raises: OptionUnknown; CommandNotFound; InvalidBody: an option that is none of the agent's."""
    match command:
        case c.Configure():
            _check_options(command, capabilities)
        case c.RunCommand():
            _check_command(command.name.removeprefix("/"), capabilities)
        case _:
            pass


def _check_command(name: str, capabilities: Mapping[str, Any]) -> None:
    known = [command.name for command in commands_of(capabilities)]
    if known and name not in known:
        raise CommandNotFound(f"the agent has no command {name!r}; it has: {', '.join(known)}", known=known)


def _check_options(command: c.Configure, capabilities: Mapping[str, Any]) -> None:
    wanted: dict[str, Any] = {} if command.options is UNSET else command.options
    if ours := OURS & wanted.keys():
        raise InvalidBody(f"options: {', '.join(sorted(ours))} can only be given to a session that is created")
    named = {name: value for name in ("model", "mode") if (value := getattr(command, name)) is not UNSET}
    if "settable" not in capabilities:  # its driver does not say
        return
    options = {option.name: option for option in options_of(capabilities)}
    for name, value in (wanted | named).items():
        if value is None:
            continue
        if name in options:
            _check_value(options[name], value)
        elif name not in capabilities["settable"]:
            has = list(capabilities["settable"])
            told = f"the agent has no {name} to be set; it has: {', '.join(has) or 'nothing'}"
            raise OptionUnknown(told, name=name, choices=has)


def _check_value(option: Option, value: Any) -> None:
    if option.kind == "switch" and not isinstance(value, bool):
        raise OptionUnknown(f"{option.name} is true or false", name=option.name, choices=["true", "false"])
    choices = [choice.value for choice in option.choices]
    if option.kind == "choice" and choices and value not in choices:
        told = f"the agent has no {option.name} {value!r}; it has: {', '.join(choices)}"
        raise OptionUnknown(told, name=option.name, choices=choices)


def options_shown(record: Record, capabilities: Mapping[str, Any]) -> SessionOptions:
    return SessionOptions(options=options_of(capabilities), settings=record.settings, live=bool(capabilities))


def commands_shown(capabilities: Mapping[str, Any]) -> CommandList:
    return CommandList(commands=commands_of(capabilities), live=bool(capabilities))
