"""How the published packages come here."""

import json
from pathlib import Path

import pytest

from tests.interop.coder import packages


def test_a_machine_that_cannot_reach_the_registry_is_told_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "CACHE", tmp_path / "cache")
    for name, value in (("registry", "http://127.0.0.1:9"), ("fetch_retries", "0"), ("cache", str(tmp_path / "npm"))):
        monkeypatch.setenv(f"npm_config_{name}", value)
    with pytest.raises(packages.Unreachable, match=r"^npm could not install .*ECONNREFUSED[^\n]*$"):
        packages.install()
    assert not packages.home().exists(), "what is not whole is not there"


def test_every_package_is_pinned_by_its_content_and_by_no_address() -> None:
    lock = json.loads((packages.HERE / "package-lock.json").read_text())
    pinned = [package for name, package in lock["packages"].items() if name]
    assert all(package["integrity"].startswith("sha512-") for package in pinned)
    assert not any("resolved" in package for package in pinned)
