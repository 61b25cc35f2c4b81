"""Bodies that no decoder takes are refused as what they are."""

import pytest

from tests.api.served import Served
from tests.fuzz.fuzzing import no_surprise

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "value",
    [b"[" * 100_000, b"[" * 50_000 + b"]" * 50_000, b'{"a":' * 50_000, b'"\xff"', b"\xff", b'"\\ud800"', b"9" * 9999],
)
async def test_a_body_that_is_nested_too_deeply_or_no_text_is_refused(api: Served, value: bytes) -> None:
    headers = {"content-type": "application/json"}
    with no_surprise():
        answer = await api.http.post("/v1/sessions", content=b'{"metadata":{"a":%b}}' % value, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")


@pytest.mark.parametrize(("depth", "status"), [(126, 201), (127, 400), (974, 400)])
async def test_metadata_may_be_nested_so_deep_and_no_deeper(api: Served, depth: int, status: int) -> None:
    value = b"[" * depth + b"]" * depth
    body = b'{"agent":"scripted","metadata":{"a":%b}}' % value
    with no_surprise():
        answer = await api.http.post("/v1/sessions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
