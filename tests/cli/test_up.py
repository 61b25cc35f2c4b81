"""What `roost up` does to its own process. What it does for others: test_background.py."""

import subprocess
import sys

from roost.cli.entry import load
from roost.cli.up import FLAGS
from roost.settings import Settings

SAID = """
import gc
from roost.cli.up import COLLECT_EVERY, collect_seldom
looks = lambda: sum(generation["collections"] for generation in gc.get_stats())
made = lambda: [[number] for number in range(COLLECT_EVERY // 2)]
before = looks(); made(); often = looks() - before
collect_seldom()
before = looks(); made(); seldom = looks() - before
print(often > 10, seldom, gc.get_freeze_count() > 1000)
"""


def test_the_collector_looks_seldom_and_not_at_what_the_hub_is_made_of() -> None:
    said = subprocess.run([sys.executable, "-c", SAID], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "0", "True"]


def test_each_flag_is_a_setting_and_an_option() -> None:
    assert [name for name in FLAGS if name not in Settings.__struct_fields__] == []
    assert [each.name for each in load("up").params] == [*FLAGS, "config", "as_json"]
