"""Settings: flag before environment before file before default, and every mistake is named."""

from pathlib import Path

import msgspec
import pytest

from roost.cli.config import ENVIRONMENT, TABLES, read_settings
from roost.cli.entry import load
from roost.cli.problems import ConfigInvalid
from roost.settings import AgentSettings, LinkSettings, Settings
from tests.cli.conftest import Roost


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("ROOST_DATA", "ROOST_SANDBOX"):
        monkeypatch.delenv(name, raising=False)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config" / "roost" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_anything_the_defaults_hold() -> None:
    settings = read_settings()
    assert settings == Settings(data=str(Path("~/.local/share/roost").expanduser()))


def test_flag_before_environment_before_file_before_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 'port = 1\nhost = "file"\nagent = "file"\n[link]\nretry_seconds = 1.5\nheartbeat_seconds = 1\n')
    monkeypatch.setenv("ROOST_HOST", "env")
    monkeypatch.setenv("ROOST_AGENT", "env")
    monkeypatch.setenv("ROOST_LINK_HEARTBEAT_SECONDS", "2.5")
    settings = read_settings({"agent": "flag", "host": None})
    assert (settings.port, settings.host, settings.agent) == (1, "env", "flag")
    assert settings.link == LinkSettings(retry_seconds=1.5, heartbeat_seconds=2.5)


def test_a_number_for_which_0_means_something_may_be_0(tmp_path: Path) -> None:
    write(tmp_path, "idle_seconds = 0\nrate_per_second = 0\nwarm_hosts = 0")
    settings = read_settings()
    assert (settings.idle_seconds, settings.rate_per_second, settings.warm_hosts) == (0, 0, 0)


def test_a_link_must_live_longer_than_from_one_beat_to_the_next(tmp_path: Path) -> None:
    write(tmp_path, "[link]\nheartbeat_seconds = 15")
    with pytest.raises(ConfigInvalid, match="heartbeat_seconds = 15, and lost_after_seconds = 15"):
        read_settings()


def test_a_named_file_is_read_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "port = 1")
    other = tmp_path / "other.toml"
    other.write_text('allowed_hosts = ["a", "b"]')
    assert read_settings(config=other).allowed_hosts == ("a", "b")
    monkeypatch.setenv("ROOST_CONFIG", str(other))
    assert read_settings().port == Settings().port


def test_lists_in_the_environment_have_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOST_ALLOWED_HOSTS", "a.example, b.example")
    assert read_settings().allowed_hosts == ("a.example", "b.example")


def test_agents_are_tables_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, '[agents.mine]\ncommand = ["mine", "--acp"]\nenv = { X = "1" }\n[agents.pi]\ninsist = true')
    assert read_settings().agents == {
        "mine": AgentSettings(command=("mine", "--acp"), env={"X": "1"}),
        "pi": AgentSettings(insist=True),
    }


def test_every_setting_has_a_variable_and_a_flag() -> None:
    names = [field.name for field in msgspec.structs.fields(Settings) if field.name not in TABLES]
    assert [name for name in names if f"ROOST_{name.upper()}" not in ENVIRONMENT] == []
    flags = {param.name for param in load("up").params}
    assert [name for name in names if name not in flags] == []


def test_data_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings({"data": "here"}).data == str(tmp_path / "here")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot = 1", "prot (did you mean port?)"),
        ("a = 1\nb = 2", "a; b"),
        ("[agents.mine]", "mine needs a command"),
        ('[agents.scripted]\ncommand = ["x"]', "cannot be another"),
        ('[agents."My agent"]\ncommand = ["x"]', "'My agent' is no name"),
        ('[agents.mine]\ncommand = "mine"', "expected `array`"),
        ('[agents.mine]\ncomand = ["mine"]', "unknown field `comand`"),
        ("[link]\nretry = 1", "link.retry"),
        ("[hub]\nport = 1", "hub"),
        ('port = "many"', "port = 'many'"),
        ("port = 70000", "port = 70000"),
        ("grace_seconds = -1", "grace_seconds = -1"),
        ("idle_seconds = -1", "0 (never) or more"),
        ("idle_seconds = inf", "finite"),
        ("grace_seconds = nan", "finite"),
        ("grace_seconds = 0", "more than 0"),
        ("max_streams = 0", "more than 0"),
        ("max_streams = -1", "max_streams = -1"),
        ("max_streams = 1.5", "max_streams = 1.5"),
        ("max_body_bytes = 0", "more than 0"),
        ("rate_per_second = -0.5", "0 (without limit) or more"),
        ("warm_hosts = -1", "0 (none) or more"),
        ('host = " "', "not empty"),
        ('agent = ""', "not empty"),
        ("[link]\nspool_disk_bytes = -1", "link.spool_disk_bytes = -1"),
        ('store = "postgres"', "store = 'postgres'"),
        ("link = 1", "link is a table"),
        ("port = ", "config.toml"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, named: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigInvalid) as caught:
        read_settings()
    assert str(path) in caught.value.message
    assert named in caught.value.message


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="no such file"):
        read_settings(config=tmp_path / "none.toml")


def test_a_mistake_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOST_PORT", "many")
    with pytest.raises(ConfigInvalid, match="the environment: port = 'many'"):
        read_settings()


async def test_a_wrong_setting_is_a_usage_error(alone: Roost) -> None:
    told = await alone("up", "--port", "70000", "--json")
    assert (told.code, told.error["code"], told.error["setting"]) == (2, "config_invalid", "port")
    told = await alone("ls", "--json", ROOST_PORT="x")
    assert (told.code, told.error["code"]) == (2, "config_invalid")
    told = await alone("up", "--log-level", "loud", "--json")
    assert (told.code, told.error["setting"]) == (2, "log_level")
