"""Numbers in other people's records."""

import pytest

from roost.natives.history.values import MAX_COUNT, amount, count


@pytest.mark.parametrize("read", [count, amount])
def test_a_number_counts_up_to_what_every_client_can_hold(read: object) -> None:
    assert callable(read)
    assert (read(MAX_COUNT), read(MAX_COUNT + 1), read(-1), read("1")) == (MAX_COUNT, 0, 0, 0)
