"""Where a session works, by what its caller says about repositories."""

from typing import Any

import pytest
from msgspec import UNSET

from roost.api.coder.repos import given_repos, workspace_request
from roost.model.commands import WorkspaceRequest
from roost.model.errors import WorkspaceInvalid
from roost.model.repos import without_passwords

URL = "https://git.example/a/b.git"


@pytest.mark.parametrize(
    ("repo", "url", "base"),
    [
        ({"url": URL}, URL, UNSET),
        ({"cloneUrl": URL, "branch": "dev"}, URL, "dev"),
        ({"url": "https://git.example/page", "cloneUrl": URL, "ref": "v1"}, URL, "v1"),
        ({"url": URL, "branch": "dev", "commit": "abc123", "ref": "v1"}, URL, "abc123"),
        ({"owner": "acme", "name": "shop"}, "https://github.com/acme/shop.git", UNSET),
        (
            {"url": "", "owner": "acme", "name": "shop", "defaultBranch": "trunk"},
            "https://github.com/acme/shop.git",
            UNSET,
        ),
    ],
)
def test_the_first_repository_is_cloned_at_the_commit_or_branch_it_is_pinned_to(
    repo: dict[str, Any], url: str, base: Any
) -> None:
    assert workspace_request([repo, {"url": "https://git.example/second.git"}]) == WorkspaceRequest(
        kind="clone", url=url, base=base
    )


def test_without_a_repository_a_session_has_an_empty_folder_of_its_own() -> None:
    assert workspace_request([]) == WorkspaceRequest(kind="folder")


@pytest.mark.parametrize("repo", [{"branch": "main"}, {"owner": "acme"}, {"name": "shop", "fullName": "acme/shop"}])
def test_a_repository_that_is_nowhere_is_refused(repo: dict[str, Any]) -> None:
    with pytest.raises(WorkspaceInvalid):
        workspace_request([repo])


def test_repositories_are_kept_once_without_what_is_null() -> None:
    assert given_repos(UNSET, UNSET) is UNSET
    assert given_repos(UNSET, ()) == ()
    one = {"url": URL, "branch": None, "stars": 5}
    assert given_repos(one, (one, {"url": "x"})) == ({"url": URL, "stars": 5}, {"url": "x"})


def test_the_password_of_an_address_is_for_git_alone() -> None:
    repo = {
        "url": "https://me:sesame@git.example/a?tab=b",
        "cloneUrl": "https://tok@git.example/a.git",
        "branch": "dev",
    }
    assert without_passwords(repo) == {
        "url": "https://***@git.example/a?tab=b", "cloneUrl": "https://git.example/a.git", "branch": "dev",
    }  # fmt: skip
    assert workspace_request([repo]).url == repo["cloneUrl"]
    for address in ("git@git.example:a.git", "ssh://git@git.example/a.git", "/srv/a.git", "", 5):
        assert without_passwords({"url": address}) == {"url": address}
