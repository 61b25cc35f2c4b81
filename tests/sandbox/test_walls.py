"""What is inside cannot see, write, reach or signal what is outside. Each attempt is a program that tries."""

import os
import subprocess
from pathlib import Path

import anyio
import pytest

from roost.model.errors import SandboxUnavailable
from roost.model.events import WorkspaceSpec
from roost.model.sandbox import Needs
from roost.processes import birth, descendants
from tests.sandbox.conftest import Boxed


async def test_the_hubs_key_and_its_data_folder_are_not_seen(boxed: Boxed) -> None:
    async with boxed() as box:
        code, said = await box.run(f"cat {box.data}/api_key; ls {box.data}; grep -rs agc_ {box.place} /etc /run /var")
    assert code != 0 and "agc_secret" not in said


async def test_the_workspace_of_another_session_is_not_seen(boxed: Boxed) -> None:
    async with boxed() as box:
        _, said = await box.run(f"cat {box.data}/worktrees/other/file; ls {box.data}/worktrees")
    assert "theirs" not in said and "other\n" not in said


async def test_a_workspace_in_the_data_folder_is_all_that_is_seen_of_it(boxed: Boxed, tmp_path: Path) -> None:
    own = tmp_path / "data" / "folders" / "mine"
    own.mkdir(parents=True)
    async with boxed(spec=WorkspaceSpec(kind="folder", root=str(own))) as box:
        code, said = await box.run(f"touch here; find {box.data}")
    assert code == 0 and (own / "here").exists()
    assert "api_key" not in said and "other" not in said and "sandboxes" not in said


async def test_a_workspace_that_holds_the_data_folder_does_not_show_it(boxed: Boxed, tmp_path: Path) -> None:
    async with boxed(spec=WorkspaceSpec(kind="folder", path=str(tmp_path), root=str(tmp_path))) as box:
        _, said = await box.run(f"cat {box.data}/api_key; ls -A {box.data} {box.home}")
    assert "agc_secret" not in said and "worktrees" not in said


@pytest.mark.parametrize("folder", ["data", "data/logs", "data/sandboxes"])
async def test_the_hubs_own_data_is_no_workspace(boxed: Boxed, tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(exist_ok=True, parents=True)
    with pytest.raises(SandboxUnavailable):
        async with boxed(spec=WorkspaceSpec(kind="folder", root=str(tmp_path / folder))):
            pass


async def test_processes_of_the_host_are_not_in_proc_nor_is_their_environment(boxed: Boxed) -> None:
    async with boxed() as box:
        _, said = await box.run(
            "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'; ls /proc | grep -c '^[0-9]'"
        )
    assert "agc_secret" not in said and "SOMEBODYS_TOKEN" not in said
    assert int(said.split()[-1]) < 10


async def test_nothing_of_the_hubs_environment_is_inherited(boxed: Boxed) -> None:
    async with boxed(needs=Needs(variables=("MODEL_KEY",))) as box:
        os.environ["MODEL_KEY"] = "wanted"
        try:
            _, said = await box.run("env", {"GIVEN": "too"})
        finally:
            del os.environ["MODEL_KEY"]
    names = {line.partition("=")[0] for line in said.splitlines()}
    assert "SOMEBODYS_TOKEN" not in names and "ROOST_API_KEY" not in names and "agc_secret" not in said
    assert {"MODEL_KEY", "GIVEN", "HOME", "TMPDIR", "PATH"} <= names


async def test_what_programs_obey_as_they_start_is_obeyed_inside_alone(boxed: Boxed, tmp_path: Path) -> None:
    """The walls are a program too: what its loader is told to load or to write, it would outside."""
    written = tmp_path / "written"
    async with boxed() as box:
        _, said = await box.run("echo $LD_DEBUG_OUTPUT", {"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(written)})
    assert str(written) in said
    assert not list(tmp_path.glob("written*"))


async def test_links_that_lead_out_of_the_workspace_lead_nowhere(boxed: Boxed) -> None:
    async with boxed() as box:
        (box.workspace / "planted").symlink_to(box.data / "api_key")
        _, said = await box.run(
            f"ln -s {box.data}/api_key made; cat made planted; echo x > made; ls -l /proc/self/root"
        )
    assert "agc_secret" not in said
    assert (box.data / "api_key").read_text() == "agc_secret"


async def test_nothing_is_written_outside_of_the_workspace(boxed: Boxed) -> None:
    async with boxed() as box:
        beside = box.place / "beside"
        tries = f"touch {beside}; touch /usr/roost-was-here /etc/roost-was-here /opt/roost-was-here; echo inside > kept"
        await box.run(tries + "; touch /roost-was-here; touch /tmp/roost-was-here; touch ~/roost-was-here")
    assert (box.workspace / "kept").read_text() == "inside\n"
    assert not beside.exists() and not (box.home / "roost-was-here").exists()
    assert not any(Path(top, "roost-was-here").exists() for top in ("/", "/usr", "/etc", "/opt", "/tmp"))


async def test_what_is_the_whole_machines_in_proc_is_not_written(boxed: Boxed) -> None:
    """Root without capabilities could: a name in core_pattern is a program that the kernel starts, outside."""
    file = Path("/proc/sys/kernel/core_pattern")
    before = file.read_text()
    async with boxed() as box:
        code, said = await box.run(f"printf %s '{before.strip()}' > {file}")
        _, writable = await box.run(
            "find /proc -maxdepth 2 -path '/proc/[0-9]*' -prune -o -type f -print | "
            "while read -r file; do test -w $file && echo $file; done"
        )
    assert code != 0 and ("Read-only" in said or "denied" in said)
    assert not [name for name in writable.splitlines() if not name.startswith(("/proc/self", "/proc/thread-self"))]


async def test_processes_outside_cannot_be_signalled(boxed: Boxed) -> None:
    with subprocess.Popen(["sleep", "60"]) as outside:
        async with boxed() as box:
            code, _ = await box.run(f"kill -9 {outside.pid}; kill -9 {os.getpid()}; kill -0 {os.getpid()}")
            assert code != 0 and birth(outside.pid) is not None
        outside.kill()


async def test_no_namespace_is_made_inside(boxed: Boxed) -> None:
    """In one of its own, a process could mount what it likes, and most holes of the kernel begin there."""
    async with boxed() as box:
        words = (await box.sandbox.enclose("true", cwd=box.workspace, env={})).command
        code, _ = await box.run("unshare --user --map-root-user true")
    assert code != 0 or "--disable-userns" not in words


async def test_the_home_inside_holds_what_the_agent_signs_in_with_and_nothing_else(
    boxed: Boxed, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    for name in (".ssh/id_ed25519", ".agent/token.json", ".agent/settings.json", ".agent/history", ".other/token.json"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text(name)
    needs = Needs(credentials=(".agent/token.json", ".agent/none"), configuration=(".agent/settings.json",))
    async with boxed(needs=needs) as box:
        _, said = await box.run(
            "cd && find . -type f | sort && echo new > .agent/token.json && echo new > .agent/settings.json"
        )
    assert said.split() == ["./.agent/settings.json", "./.agent/token.json", "./.gitconfig"]
    assert (home / ".agent/token.json").read_text() == "new\n", "a token that was renewed is so for its user too"
    assert (home / ".agent/settings.json").read_text() == ".agent/settings.json", "what they run is theirs to say"


@pytest.mark.parametrize("home", ["work", "/"])
async def test_an_agent_whose_user_lives_in_its_workspace_or_nowhere_has_a_home_elsewhere(
    boxed: Boxed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / home))
    async with boxed() as box:
        code, said = await box.run("touch ~/own kept && echo $HOME")
    assert (code, said) == (0, "/run/home\n")
    assert [path.name for path in box.workspace.iterdir()] == ["kept"]


async def test_a_home_that_an_agent_has_prepared_does_not_lead_the_host_astray(boxed: Boxed, tmp_path: Path) -> None:
    home, aim = tmp_path / "home", tmp_path / "aim"
    aim.mkdir()
    (home / ".agent").mkdir()
    (home / ".agent" / "settings.json").write_text("settings")
    needs = Needs(configuration=(".agent/settings.json",))
    async with boxed(needs=needs) as box:
        await box.run(f"rm -r ~/.agent ~/.gitconfig; ln -s {aim} ~/.agent; ln -s {aim}/git ~/.gitconfig")
        await box.sandbox.surround(box.workspace)
        code, said = await box.run("cat ~/.agent/settings.json")
    assert (code, said) == (0, "settings") and not list(aim.iterdir())


async def test_a_command_and_all_it_has_started_is_gone_with_its_walls(boxed: Boxed) -> None:
    async with boxed() as box:
        walls = await box.start("env -i setsid sh -c 'sleep 60 & sleep 60' & echo started; sleep 60")
        await anext(aiter(walls.output()))
        below = [child.pid for child in descendants(walls.pid)]
        with anyio.fail_after(20):
            await walls.kill()
    assert len(below) >= 3 and not [pid for pid in below if birth(pid)]
