"""Every setting, command, exit code, step and frame has its entry, and pages made from the code are what it says."""

import json
import re
import subprocess
import sys
from typing import Final

import pytest
from msgspec.structs import fields

from roost.api.coder.routes import ROUTES as CODER_ROUTES
from roost.api.rest import ROUTES, paths_of
from roost.cli import COMMANDS
from roost.cli.codes import MEANINGS
from roost.cli.config import ENVIRONMENT, OTHER_VARIABLES, TABLES
from roost.cli.entry import load
from roost.drivers.acp.agents import AGENTS
from roost.drivers.scripted.script import Step, read_script
from roost.link import frames
from roost.model.lifecycle import VIEWS, Phase
from roost.settings import AgentSettings, GithubSettings, LinkSettings, Settings
from tests.docs.pages import ROOT

FLAGS: Final = ("runtime_available", "control_available", "wake_available", "history_only", "live_expected")


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def section(path: str, heading: str) -> str:
    """From this heading to the next one."""
    return re.split(r"^#+ ", text_of(path).split(f"\n{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| |")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_nothing_made_from_the_code_is_out_of_date() -> None:
    command = [sys.executable, "docs/build.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_what_is_out_of_date_is_said() -> None:
    program = "import sys; sys.argv = ['x']; sys.path[0] = 'docs'; import build; build.read = lambda path: ''; "
    done = subprocess.run(
        [sys.executable, "-c", program + "sys.exit(build.check())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "out of date: docs/reference/settings.md (make docs)" in done.stdout
    assert "out of date: docs/pictures/demo.svg (make docs)" in done.stdout


# --- settings ---------------------------------------------------------------------------------------------------------


def test_every_setting_has_a_row_with_variable_and_meaning() -> None:
    found = {row[0].strip("`"): row for row in rows(text_of("docs/reference/settings.md")) if len(row) == 6}
    structs = (Settings, LinkSettings, GithubSettings)
    named = [field.name for struct in structs for field in fields(struct) if field.name not in TABLES]
    assert [name for name in named if name not in found] == []
    assert [name for name in named if len(found[name][5]) < 10] == []
    assert {found[name][1].strip("`") for name in named} == set(ENVIRONMENT)


def test_every_setting_of_an_agent_has_a_row() -> None:
    found = {row[0].strip("`"): row for row in rows(text_of("docs/reference/settings.md")) if len(row) == 4}
    assert [field.name for field in fields(AgentSettings) if len(found[field.name][3]) < 10] == []


def test_every_agent_has_its_rows() -> None:
    page = text_of("docs/reference/agents.md")
    assert [name for name in AGENTS if page.count(f"| `{name}` |") < 2] == []


def test_every_other_variable_has_a_row() -> None:
    page = text_of("docs/reference/settings.md")
    assert [name for name in OTHER_VARIABLES if f"| `{name}` |" not in page] == []


def test_every_flag_of_a_setting_stands_in_its_row() -> None:
    page = text_of("docs/reference/settings.md")
    flags = [param.opts[0] for param in load("up").params if param.name in Settings.__struct_fields__]
    assert len(flags) > 10
    assert [flag for flag in flags if f"| `{flag}` |" not in page] == []


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_section_with_all_its_options(name: str) -> None:
    told = section("docs/reference/cli.md", f"## roost {name}")
    options = [opt for param in load(name).params if param.name != "help" for opt in param.opts if opt[0] == "-"]
    assert [option for option in options if option not in told] == []


def test_every_exit_code_has_a_row() -> None:
    listed = {int(row[0]) for row in rows(section("docs/reference/cli.md", "## Exit codes")) if row[0].isdigit()}
    assert listed == set(MEANINGS)


# --- routes -----------------------------------------------------------------------------------------------------------


def test_the_protocol_lists_every_route() -> None:
    page = section("PROTOCOL.md", "### 2.1 Routes")
    for method, path in map(paths_of, ROUTES):
        short = re.sub(r"\{\w+\}", "{}", path)
        listed = [re.sub(r"\{\w+\}", "{}", row[0]) for row in rows(page)]
        last = "/" + short.rpartition("/")[2]
        assert any(f"{method} {short}" in cell or (f"`{last}`" in cell and method in cell) for cell in listed), path


def test_the_protocol_lists_every_route_of_the_coder_view() -> None:
    page = text_of("PROTOCOL.md").split("\n## 10. The Coder view\n", 1)[1]
    listed = [re.sub(r"\{\w+\}", "{}", row[0]) for row in rows(page)]
    for method, path in map(paths_of, CODER_ROUTES):
        short = re.sub(r"\{\w+\}", "{}", path)
        last = "/" + short.rpartition("/")[2]
        assert any(method in cell and (f"{short}`" in cell or f"`{last}`" in cell) for cell in listed), path


# --- the scripted agent -----------------------------------------------------------------------------------------------


def test_every_step_has_a_row_and_every_whole_example_is_valid() -> None:
    steps: set[str] = set()
    for row in rows(text_of("docs/reference/scripted.md")):
        for example in re.findall(r"`(\{.*?\})`(?: |$)", row[0]):
            read_script(f"script:[{example}]")
            steps.update(json.loads(example))
    assert steps == set(Step.__struct_fields__)


# --- PROTOCOL.md ------------------------------------------------------------------------------------------------------


def test_the_protocol_lists_every_frame_with_its_fields() -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(section("PROTOCOL.md", "### 4.3 Frames")) if row[0][0] == "`"}
    kinds = [cls for cls in vars(frames).values() if isinstance(cls, type) and issubclass(cls, frames.Frame)]
    real = {str(cls.__struct_config__.tag): cls for cls in kinds if cls is not frames.Frame}
    assert set(listed) == set(real)
    for name, kind in real.items():
        assert re.findall(r"`(\w+)`", listed[name]) == list(kind.__struct_fields__), name


def test_the_protocol_shows_the_views_of_the_table() -> None:
    listed = {row[0]: row[1:] for row in rows(section("PROTOCOL.md", "### 5.2 Views")) if row[0] != "Standing"}
    assert set(listed) == {standing.value for standing in VIEWS}
    for standing, view in VIEWS.items():
        flags = ["yes" if getattr(view, flag) else "no" for flag in FLAGS]
        assert listed[standing.value] == [f"`{view.status}`", f"`{view.bucket}`", *flags]


def test_the_protocol_names_every_phase() -> None:
    listed = {row[0].strip("`") for row in rows(section("PROTOCOL.md", "### 5.1 Phases"))}
    assert listed >= {phase.value for phase in Phase}


def test_the_protocol_says_the_numbers_of_the_link() -> None:
    page = text_of("PROTOCOL.md")
    link = LinkSettings()
    for name, words in {
        "heartbeat_seconds": f"{link.heartbeat_seconds:.0f} s",
        "lost_after_seconds": f"{link.lost_after_seconds:.0f} s",
        "retry_seconds": f"{link.retry_seconds:.0f} s",
        "away_idle_seconds": f"{link.away_idle_seconds / 60:.0f} minutes",
        "away_max_seconds": f"{link.away_max_seconds / 3600:.0f} hours",
        "spool_memory_bytes": f"{link.spool_memory_bytes // 2**20} MiB",
        "spool_disk_bytes": f"{link.spool_disk_bytes // 2**20} MiB",
        "spool_reserve_bytes": f"{link.spool_reserve_bytes // 2**10} KiB",
        "abort_grace_seconds": f"{link.abort_grace_seconds:.0f} s",
    }.items():
        assert re.search(rf"{words}[^|]*`{name}`", page), name
    assert set(LinkSettings.__struct_fields__) <= set(re.findall(r"`(\w+)`", page))
    for number in (frames.MAX_APPEND_EVENTS, "1 MiB", "4 MiB", f"{Settings().grace_seconds:.0f} s (`grace_seconds`)"):
        assert str(number) in page
