"""The hub's log is for people on a terminal and JSON elsewhere; no traceback shows what its variables held."""

import json
import os
import re
import subprocess
import sys

import pytest

FAILS = """
import structlog
from roost.cli.log_lines import log_to_stderr

log_to_stderr("info", as_json={as_json})
secret = "pa55" + "word"
try:
    [][len(secret)]
except IndexError as error:
    error.add_note("note" + chr(27) + "]0;owned" + chr(7))
    structlog.get_logger("x").error("it broke", exc_info=error, label="a" + chr(10) + chr(27) + "]0;owned" + chr(7))
"""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def logged(*, terminal: bool, as_json: bool) -> str:
    command = [sys.executable, "-c", FAILS.format(as_json=as_json)]
    if not terminal:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stderr
    ours, theirs = os.openpty()
    try:
        subprocess.run(command, stderr=theirs, check=True, timeout=30)
        os.close(theirs)
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)


@pytest.mark.parametrize(("terminal", "as_json"), [(True, False), (True, True), (False, False), (False, True)])
def test_people_read_lines_machines_json_and_nobody_a_secret(*, terminal: bool, as_json: bool) -> None:
    text = logged(terminal=terminal, as_json=as_json)
    assert "it broke" in text
    assert "IndexError" in text
    assert "pa55word" not in text
    assert not set(COLOURS.sub("", text)) & set("\x1b\x07")
    lines = [line for line in text.splitlines() if line]
    if terminal and not as_json:
        assert len(lines) > 1
        assert "a␊␛]0;owned␇" in lines[0]
        assert "note␛]0;owned␇" in lines
    else:
        (line,) = lines
        assert json.loads(line)["event"] == "it broke"
