"""One tree of errors, each with a code that clients may rely on."""

import re

import pytest

from roost.model import errors
from roost.model.errors import ERRORS, RoostError, SessionBusy, SessionNotFound, error_from


def classes(cls: type[RoostError] = RoostError) -> list[type[RoostError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in classes(child))]


ours = [cls for cls in classes() if cls.__module__ == errors.__name__]
each = pytest.mark.parametrize("cls", ours, ids=lambda cls: cls.__name__)


def test_codes_are_unique_and_all_are_in_the_table() -> None:
    assert len({cls.code for cls in ours}) == len(ours)
    assert {cls.code: cls for cls in ours} == ERRORS


@each
def test_each_class_has_a_code_of_its_own_and_says_what_it_means(cls: type[RoostError]) -> None:
    assert "code" in vars(cls)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", cls.code)
    assert (cls.__doc__ or "").strip()[-1:] == "."


@each
def test_each_class_stands_in_the_tree_that_the_module_shows(cls: type[RoostError]) -> None:
    assert re.search(rf"\b{cls.__name__}\b", errors.__doc__ or "")


@each
def test_an_error_survives_the_trip_over_the_wire(cls: type[RoostError]) -> None:
    sent = cls("just so", path="/x", limit=3)
    got = error_from(sent.code, sent.message, sent.details)
    assert type(got) is cls
    assert (got.code, got.message, got.details, str(got)) == (
        cls.code,
        "just so",
        {"path": "/x", "limit": 3},
        "just so",
    )


def test_an_error_of_a_newer_hub_keeps_its_code() -> None:
    got = error_from("moon_in_wrong_house", "wait", {"until": 5})
    assert type(got) is RoostError
    assert (got.code, got.message, got.details) == ("moon_in_wrong_house", "wait", {"until": 5})
    assert RoostError.code == "internal"


def test_without_words_of_its_own_an_error_says_what_its_class_says() -> None:
    assert str(SessionNotFound()) == "No session has this id; it may have been deleted."
    assert SessionBusy(run="run_1").message.startswith("A run is open.")
