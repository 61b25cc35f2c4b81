"""Errors on the wire: every class has a status, and comes back as the same class."""

import errno
from typing import Any

import msgspec
import pytest

from roost.api.problems import RETRY_AFTER_SECONDS, STATUS, error_of, problem
from roost.model.errors import (
    ERRORS,
    CursorTrimmed,
    MethodNotAllowed,
    RoostError,
    StorageFull,
    StorageUnavailable,
    Unauthorized,
    Unavailable,
    error_from,
)  # fmt: skip

RESERVED = {"type", "title", "status", "detail", "code"}


def told(error: RoostError) -> tuple[int, dict[bytes, bytes], dict[str, Any]]:
    status, headers, body = problem(error)
    return status, dict(headers), msgspec.json.decode(body)


def test_every_error_of_the_tree_has_its_row_and_no_row_is_left_over() -> None:
    assert STATUS.keys() == ERRORS.keys()


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_error_comes_back_as_the_same_class_with_its_details(code: str) -> None:
    status, headers, body = told(ERRORS[code]("just so", path="here", limit=3))
    assert headers[b"content-type"] == b"application/problem+json"
    assert (body["status"], body["type"], body["detail"]) == (status, "about:blank", "just so")
    back = error_from(body["code"], body["detail"], {name: body[name] for name in body if name not in RESERVED})
    assert (type(back), back.details) == (ERRORS[code], {"path": "here", "limit": 3})


def test_what_passes_by_itself_says_when_to_come_back() -> None:
    for error, status in ((Unavailable(), 503), (StorageUnavailable(), 503), (StorageFull(), 507)):
        found, headers, _ = told(error)
        assert found == status
        assert int(headers[b"retry-after"]) == RETRY_AFTER_SECONDS[status]


def test_a_missing_key_is_asked_for_and_a_wrong_method_is_told_the_right_ones() -> None:
    assert told(Unauthorized())[1][b"www-authenticate"].startswith(b"Bearer")
    assert told(MethodNotAllowed(allow=["GET", "POST"]))[1][b"allow"] == b"GET, POST"


def test_absent_details_are_left_out_and_none_overrides_the_envelope() -> None:
    _, _, body = told(CursorTrimmed(first=7, run=None, code="mine", status="mine"))
    assert (body["first"], body["code"], body["status"]) == (7, "cursor_trimmed", 410)
    assert "run" not in body


def test_an_unknown_code_is_an_internal_error_that_keeps_its_code() -> None:
    status, _, body = told(error_from("moon_in_wrong_house", "wait"))
    assert (status, body["code"]) == (500, "moon_in_wrong_house")


def refused_by_the_system() -> list[Exception]:
    return [OSError(errno.EMFILE, "files"), OSError(errno.EAGAIN, "fork"), RuntimeError("can't start new thread")]


@pytest.mark.parametrize("refusal", refused_by_the_system(), ids=str)
def test_a_hub_that_has_come_to_a_limit_of_its_system_says_so(refusal: Exception) -> None:
    status, _, body = told(error_of(refusal, {"method": "GET", "path": "/v1/x"}))
    assert (status, body["code"]) == (503, "limit_reached")


def test_what_nobody_expected_tells_the_client_nothing() -> None:
    error = error_of(ValueError("agc_secret in /etc/passwd"), {"method": "GET", "path": "/v1/x"})
    status, _, body = told(error)
    assert (status, body["code"]) == (500, "internal")
    assert "secret" not in str(body)
