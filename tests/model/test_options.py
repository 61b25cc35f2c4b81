"""How agents can be set, in one shape, whatever they say."""

from typing import Any

import pytest

from roost.model.options import AgentCommand, Choice, Option, commands_of, options_of

GROUPED = [{"group": "g", "options": [{"value": "large", "name": "Large"}, {"value": "small"}]}]


def test_options_modes_and_models_are_one_list_and_an_option_counts_before_a_list_of_its_own() -> None:
    told = {
        "modes": {"currentModeId": "ask", "availableModes": [{"id": "ask", "name": "Ask"}, {"id": "plan"}]},
        "models": {"currentModelId": "old", "availableModels": [{"modelId": "old"}]},
        "options": [
            {"id": "m", "name": "Which model", "category": "model", "currentValue": "small", "options": GROUPED},
            {"id": "fast", "type": "boolean", "currentValue": True},
        ],
    }
    large, small = Choice(value="large", name="Large"), Choice(value="small")
    assert options_of(told) == (
        Option(name="model", title="Which model", value="small", choices=(large, small)),
        Option(name="fast", title="fast", kind="switch", value=True),
        Option(name="mode", title="Mode", value="ask", choices=(Choice(value="ask", name="Ask"), Choice(value="plan"))),
    )


def test_commands_have_a_name_what_they_do_and_what_they_take() -> None:
    told = [{"name": "review", "description": "Looks", "input": {"hint": "what"}}, {"name": "go"}]
    assert commands_of({"commands": told}) == (
        AgentCommand(name="review", description="Looks", hint="what"),
        AgentCommand(name="go"),
    )


@pytest.mark.parametrize("odd", [None, 7, "x", [7], [{}], [{"id": 3, "name": 4}], {"availableModes": 7}, {}])
@pytest.mark.parametrize("field", ["modes", "models", "options", "commands"])
def test_whatever_an_agent_says_is_read_as_far_as_it_makes_sense(field: str, odd: Any) -> None:
    assert options_of({field: odd}) == ()
    assert [command.name for command in commands_of({field: odd})] == []
