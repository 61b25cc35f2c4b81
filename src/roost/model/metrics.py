"""What is counted of a session."""

from msgspec import Struct

from roost.model.events import Tokens


class Metrics(Struct, frozen=True, kw_only=True):
    """Counts over this session's log. `inputs`: of the messages, those of people. `tool_calls` is the sum of
    `tool_usage`; `cost` in US dollars."""

    messages: int = 0
    inputs: int = 0
    steps: int = 0
    tool_calls: int = 0
    tool_usage: dict[str, int] = {}
    tokens: Tokens = Tokens()
    cost: float = 0.0
