"""What an agent that is here cannot do is refused at once; of one that is not, nothing is known."""

from typing import Any

import pytest

from roost.core.abilities import check_able
from roost.model import commands as c
from roost.model.errors import CommandNotFound, InvalidBody, OptionUnknown

HERE: dict[str, Any] = {
    "settable": ["mode", "fast", "deep"],
    "modes": {"availableModes": [{"id": "ask"}, {"id": "plan"}]},
    "options": [{"id": "fast", "type": "boolean"}],
    "commands": [{"name": "review"}],
}


@pytest.mark.parametrize(
    ("command", "choices"),
    [
        (c.Configure(mode="dance"), ["ask", "plan"]),
        (c.Configure(model="large"), ["mode", "fast", "deep"]),
        (c.Configure(options={"fast": "yes"}), ["true", "false"]),
        (c.Configure(options={"slow": True}), ["mode", "fast", "deep"]),
    ],
)
def test_what_it_cannot_be_set_to_is_refused_with_what_it_can(command: c.Configure, choices: list[str]) -> None:
    with pytest.raises(OptionUnknown) as refused:
        check_able(command, HERE)
    assert refused.value.details["choices"] == choices


@pytest.mark.parametrize(
    "command",
    [
        c.Configure(mode="plan", options={"fast": False, "mode": None}),
        c.Configure(options={"deep": "its values were too many to be told"}),
        c.Configure(policy=c.PolicyRequest()),
        c.RunCommand(name="/review", args="it"),
    ],
)
def test_what_it_can_do_is_let_through(command: c.AnyCommand) -> None:
    check_able(command, HERE)


def test_a_command_that_it_does_not_have_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(CommandNotFound) as refused:
        check_able(c.RunCommand(name="revue"), HERE)
    assert refused.value.details["known"] == ["review"]


@pytest.mark.parametrize("capabilities", [{}, {"steer": True}])
def test_of_an_agent_that_does_not_say_nothing_is_refused(capabilities: dict[str, Any]) -> None:
    check_able(c.Configure(model="any", mode="any", options={"x": 1}), capabilities)
    check_able(c.RunCommand(name="any"), capabilities)


@pytest.mark.parametrize("name", ["kit", "mcp", "mcp_servers"])
def test_what_is_no_option_of_an_agent_is_none_whether_it_is_here_or_not(name: str) -> None:
    with pytest.raises(InvalidBody, match=name):
        check_able(c.Configure(options={name: []}), {})


@pytest.mark.parametrize("name", ["", "/", "a b", "x" * (c.MAX_COMMAND_CHARS + 1)])
def test_a_command_is_one_word(name: str) -> None:
    with pytest.raises(InvalidBody):
        c.RunCommand(name=name).as_send()


def test_a_command_is_input_that_says_what_it_is() -> None:
    (part,) = c.RunCommand(name="/review", args="a b", delivery="queue").as_send().parts()
    assert (part.text, part.command) == ("/review a b", "review")  # pyright: ignore[reportAttributeAccessIssue]
