"""How much may wait for a session's agent."""

import msgspec
import pytest

from roost.core.waiting import MAX_QUEUE, MAX_WAITING_BYTES, check_room
from roost.model.errors import QueueFull
from roost.model.events import InputPart, TextInput
from roost.model.ids import MessageId
from roost.model.record import Queued
from tests.contract.given import record


def said(size: int) -> tuple[InputPart, ...]:
    """An input that takes so many bytes, encoded."""
    return (TextInput(text="x" * (size - len(msgspec.json.encode((TextInput(text=""),))))),)


def waits(*inputs: tuple[InputPart, ...]) -> tuple[Queued, ...]:
    return tuple(Queued(message=MessageId(f"msg_{n}"), input=each, seq=n, at=0) for n, each in enumerate(inputs, 1))


def test_so_many_inputs_wait_for_a_run_of_their_own_and_no_more() -> None:
    check_room(record(queue=waits(*[said(100)] * (MAX_QUEUE - 1))), said(100), queued=True)
    full = record(queue=waits(*[said(100)] * MAX_QUEUE))
    check_room(full, said(100), queued=False)
    with pytest.raises(QueueFull):
        check_room(full, said(100), queued=True)


def test_what_waits_has_so_many_bytes_together_and_no_more() -> None:
    half = MAX_WAITING_BYTES // 2
    check_room(record(queue=waits(said(half))), said(half), queued=True)
    with pytest.raises(QueueFull):
        check_room(record(queue=waits(said(half))), said(half + 1), queued=False)
