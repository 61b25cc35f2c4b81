"""The checker finds nothing in a history of kept promises, and each broken one by the name of its rule."""

from pathlib import Path
from random import Random
from time import process_time
from typing import Final

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from tests.fire.chaos.checker import RULES, check
from tests.fire.chaos.history import Attached, Detached, History, Invoked, read
from tests.fire.damages import ALL, DAMAGES, Damage, busy
from tests.fire.histories import Made, make

DICE: Final = st.integers(0, 1 << 32).map(Random)
"""Seeds alone: to draw every throw would be more than Hypothesis likes to draw."""
MANY: Final = 1_000_000
MANY_SECONDS: Final = 60.0


def rules_broken(made: Made) -> set[str]:
    return {violation.rule for violation in check(made.entries)}


@given(DICE, st.integers(1, 3), st.integers(0, 12))
@settings(max_examples=30)
def test_nothing_is_found_where_every_promise_was_kept(random: Random, sessions: int, steps: int) -> None:
    assert [str(found) for found in check(make(random, sessions=sessions, steps=steps).entries)] == []


@pytest.mark.parametrize(("rule", "damage"), ALL, ids=[damage.__name__ for _, damage in ALL])
def test_one_damage_is_found_by_the_rule_it_breaks(rule: str, damage: Damage) -> None:
    made = make(Random(1))
    assert rules_broken(made) == set()
    damage(made, made.sessions[0], Random(2))
    assert rule in rules_broken(made)


@given(DICE, st.sampled_from(ALL), st.integers(1, 2), st.integers(0, 8))
@settings(max_examples=100)
def test_one_damage_anywhere_in_any_history_is_found(
    random: Random, case: tuple[str, Damage], sessions: int, steps: int
) -> None:
    made = make(random, sessions=sessions, steps=steps)
    rule, damage = case
    damage(made, made.sessions[0], random)
    assert rule in rules_broken(made)


def test_every_rule_has_its_damages() -> None:
    assert list(DAMAGES) == list(RULES)


def test_a_violation_names_its_rule_and_shows_what_proves_it() -> None:
    made = make(Random(1))
    busy(made)
    (violation,) = check(made.entries)
    assert str(violation).splitlines()[0] == "nothing-stuck: session_0 is busy for ever"
    assert msgspec.json.decode(str(violation).splitlines()[1])["is_busy"] is True


def test_a_session_that_was_deleted_may_have_no_log() -> None:
    made = make(Random(1))
    session = made.sessions[0]
    session.told.append(Invoked(op=0, who="anna", session=session.name, kind="delete"))
    session.log, made.rested = [], []
    assert check(made.entries) == []


def test_what_was_written_down_is_read_as_it_was(tmp_path: Path) -> None:
    entries = make(Random(1)).entries
    history = History(tmp_path / "history")
    for entry in entries:
        history.add(entry)
    history.close()
    with history.path.open("ab") as file:
        file.write(b'{"type":"seen"')  # whoever wrote this was killed
    assert list(read(history.path)) == entries


def test_who_lost_the_connection_without_a_word_need_not_have_seen_the_end() -> None:
    made = make(Random(1))
    session = made.sessions[0]
    lost = Attached(who="olga", session=session.name, view="sse")
    session.told += [lost, Detached(who="olga", session=session.name, gone=True)]
    assert check(made.entries) == []


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_million_records_are_checked_within_a_minute() -> None:
    made = make(Random(1), sessions=4, steps=8_000)
    entries = made.entries
    assert len(entries) > MANY
    began = process_time()
    assert check(entries) == []
    assert process_time() - began < MANY_SECONDS
