"""Packages looked up with an `apt-cache` that answers as Debian's does."""

from pathlib import Path

import pytest

from roost.host.debian import packages

SOURCES = """Package files:
 100 /var/lib/dpkg/status
     release a=now
"""
INDEX = " 500 http://mirror.example/debian bookworm/main amd64 Packages\n     origin mirror.example\n"
MADISON = """      curl | 7.88.1-10+deb12u14 | http://mirror.example/debian bookworm/main amd64 Packages
      curl | 7.88.1-10+deb12u5 | http://mirror.example/debian-security bookworm-security/main amd64 Packages
      curl | 7.88.1-10+deb12u14 | http://mirror.example/debian bookworm/main Sources
       g++ | 4:12.2.0-3 | http://mirror.example/debian bookworm/main amd64 Packages
"""


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replaces the machine's `apt-cache`; says what was asked of it in the file `asked`."""
    program = tmp_path / "apt-cache"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncat {tmp_path}/"$1"\n[ "$1" = policy ] || exit 100\n'
    )
    program.chmod(0o755)
    (tmp_path / "policy").write_text(SOURCES + INDEX)
    (tmp_path / "madison").write_text(MADISON)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


async def test_packages_are_looked_up_with_their_versions(apt: Path) -> None:
    found = await packages(["curl", "curl=7.88.1-10+deb12u5", "curl=8", "g++", "nope=1", "curl"])
    assert found.checked and found.valid == ("curl", "curl=7.88.1-10+deb12u5", "g++")
    one, other = found.invalid
    assert (one.package, one.version, one.versions) == ("curl", "8", ("7.88.1-10+deb12u14", "7.88.1-10+deb12u5"))
    assert one.error == "curl has no version 8"
    assert (other.package, other.version, other.versions, other.error) == ("nope", "1", (), "there is no package nope")


@pytest.mark.parametrize(
    "spec", ["", "-o=Dir::Etc=x", "Curl", "a", "curl ", "curl; rm", "curl=", "curl=1 2", "curl=-1"]
)
async def test_what_is_no_name_or_version_is_never_asked_for(apt: Path, spec: str) -> None:
    found = await packages([spec])
    assert found.valid == () and len(found.invalid) == 1
    assert (apt / "asked").read_text() == "policy\n"


async def test_an_index_that_knows_only_what_is_installed_is_none(apt: Path) -> None:
    (apt / "policy").write_text(SOURCES)
    found = await packages(["curl", "nope", "No"])
    assert (found.valid, found.checked, len(found.invalid)) == (("curl", "nope"), False, 1)


async def test_without_apt_only_the_spelling_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await packages(["anything-at-all", "a b"])
    assert (found.valid, found.checked, len(found.invalid)) == (("anything-at-all",), False, 1)
