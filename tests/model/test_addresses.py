"""Which addresses are cloned, and that no password stays in one."""

import pytest

from roost.model.addresses import (
    CREDENTIALS,
    MAX_ADDRESS_CHARS,
    MAX_BASE_CHARS,
    check_address,
    check_base,
    scrubbed,
    split_credentials,
    with_credentials,
)  # fmt: skip
from roost.model.errors import WorkspaceInvalid


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/a/b.git", "http://127.0.0.1:8000/repo", "https://[::1]:8443/repo", "git://example.org/repo",
        "ssh://git@example.org:2222/a/b.git", "git@example.org:a/b.git", "example.org:~me/b", "file:///srv/repo.git",
        "/srv/mein Prøject", "https://example.org/" + "x" * (MAX_ADDRESS_CHARS - 20),
    ],
)  # fmt: skip
def test_an_address_of_a_known_kind_is_taken_as_it_is(address: str) -> None:
    assert split_credentials(address) == (address, "")


@pytest.mark.parametrize(
    "address",
    [
        "", "relative/path", "./here", "--upload-pack=evil", "-oProxyCommand=evil:x", "ext::sh -c evil", "fd::17", "ext::x://y",
        "ext://sh", "ftp://example.org/repo", "https://", "https:///repo", "ssh://-oProxyCommand=evil/repo",
        "git@-oProxyCommand=evil:repo", "git@example.org::x", "me:secret@example.org:repo", "https://example.org/a?token=x",
        "https://example.org/a#x", "https://me:p@ss@example.org/a", "/srv/a\nb",
        "https://example.org/" + "x" * (MAX_ADDRESS_CHARS - 19),
    ],
)  # fmt: skip
def test_what_git_could_take_for_something_else_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(WorkspaceInvalid) as caught:
        check_address(address)
    assert "secret" not in caught.value.message and "p@ss" not in caught.value.message


def test_credentials_are_taken_out_of_the_address_whatever_is_in_them() -> None:
    assert split_credentials("https://me:p%40ss%3A@example.org:8443/a") == ("https://example.org:8443/a", "me:p@ss:")
    assert split_credentials("https://token@example.org/a") == ("https://example.org/a", "token:")
    with pytest.raises(WorkspaceInvalid, match="a key of the hub's user"):
        split_credentials("ssh://me:secret@example.org/a")


def test_git_is_given_credentials_as_a_header_behind_its_other_configuration() -> None:
    mine = {"A": "b", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "x.y", "GIT_CONFIG_VALUE_0": "z"}
    given = with_credentials(mine | {CREDENTIALS: "me:secret"}, "https://example.org:8443/a")
    assert given == mine | {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_1": "http.https://example.org:8443/.extraHeader",
        "GIT_CONFIG_VALUE_1": "Authorization: Basic bWU6c2VjcmV0",
    }
    assert with_credentials(mine, "https://example.org/a") == mine


@pytest.mark.parametrize(
    "base", ["main", "feature/x", "v1.0", "HEAD", "refs/pull/7/head", "4b825dc", "x" * MAX_BASE_CHARS]
)
def test_a_base_is_the_name_of_a_ref_or_a_commit(base: str) -> None:
    check_base(base)


@pytest.mark.parametrize(
    "base", ["", "-f", "+main", "a:b", "^main", "a..b", "a b", "a\n", "a*", "x" * (MAX_BASE_CHARS + 1)]
)
def test_a_base_that_git_could_take_for_something_else_is_refused(base: str) -> None:
    with pytest.raises(WorkspaceInvalid):
        check_base(base)


def test_what_a_program_says_is_scrubbed() -> None:
    said = "fatal: unable to access 'https://me:s3cret@example.org/a/': and http://t@b/"
    assert scrubbed(said) == "fatal: unable to access 'https://***@example.org/a/': and http://***@b/"
