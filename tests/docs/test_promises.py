"""What the first pages promise about the repository itself."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

TARGETS = ("setup", "demo", "test", "test-long", "test-fire", "check", "bench", "docs")


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_every_make_target_is_there_and_says_what_it_does() -> None:
    listed = dict(re.findall(r"^([a-z-]+):.*?## (.+)$", text_of("Makefile"), re.MULTILINE))
    assert [target for target in TARGETS if len(listed.get(target, "")) < 10] == []


def test_make_demo_runs_what_is_tested_as_the_demo() -> None:
    recipe = re.search(r"^demo:.*\n((?:\t.*\n)+)", text_of("Makefile"), re.MULTILINE)
    assert recipe is not None
    assert "$(BIN)/python demo/run.py" in recipe[1]


def test_the_package_says_what_it_is() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert (project["name"], project["license"], project["readme"]) == ("roost", "Apache-2.0", "README.md")
    assert project["requires-python"] == ">=3.11,<3.14"
    assert project["scripts"] == {"roost": "roost.cli:main"}
    assert "Apache License" in text_of("LICENSE")


def test_the_first_decisions_are_written_down() -> None:
    titles = "\n".join(text_of(str(path)).split("\n")[0] for path in sorted((ROOT / "docs/adr").glob("000[1-7]-*.md")))
    for word in ("log is the truth", "Commands are events", "integer cursor", "pull", "link", "libraries", "delta"):
        assert word in titles


def test_the_readme_says_where_it_runs_what_it_lacks_and_what_an_agent_may_do() -> None:
    page = text_of("README.md")
    assert "Linux on x86-64 and arm64 is what is tested. macOS is best effort" in page
    assert "an agent can do whatever the user who started the hub can do" in page
    assert "## What works, and what does not yet" in page
    assert [command for command in ("make demo", "make check", "make test") if f"`{command}`" not in page] == []
    assert "(docs/pictures/demo.svg)" in page
    assert "[Apache License 2.0](LICENSE)" in page


@pytest.mark.long
@pytest.mark.timeout(600)
def test_make_demo_works_alone_in_a_fresh_clone(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "-c", "safe.directory=*", "clone", "-q", str(ROOT), str(clone)], check=True)
    done = subprocess.run(["make", "demo"], cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the failing test passes" in done.stdout
    left = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert left.stdout == ""


def test_decisions_are_numbered_once_and_all_listed() -> None:
    records = sorted(path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [name[:4] for name in records] == [f"{number:04}" for number in range(len(records))]
    listed = re.findall(r"\]\(([0-9]{4}-[a-z0-9-]+\.md)\)", text_of("docs/adr/README.md"))
    assert [name for name in records[1:] if name not in listed] == []
