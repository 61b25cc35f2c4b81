"""A real host carries out runs: what it reads, what it does, how each run ends."""

import os
import signal
from typing import TypeVar

import anyio

from roost.model.events import (
    Body,
    Failure,
    PermissionAsked,
    PermissionReplied,
    QuestionAsked,
    QuestionReplied,
    RunAborted,
    RunComplete,
    RunError,
    TextDelta,
    ToolComplete,
    ToolDelta,
    ToolError,
    ToolStart,
)
from roost.model.ids import RequestId, RunId
from tests.host.conftest import Site

B = TypeVar("B", bound=Body)


def texts(site: Site, run: str = "run_1") -> str:
    return "".join(e.body.delta for e in site.hub.of(TextDelta, run=run) if isinstance(e.body, TextDelta))


def output(site: Site) -> str:
    return "".join(e.body.delta for e in site.hub.of(ToolDelta) if isinstance(e.body, ToolDelta))


async def seen(site: Site, kind: type[B]) -> B:
    """The last event of this kind, once there is one."""
    await site.hub.until(lambda: site.hub.of(kind))
    body = site.hub.of(kind)[-1].body
    assert isinstance(body, kind)
    return body


# --- what it reads ----------------------------------------------------------------------------------------------------


async def test_a_prompt_is_echoed_and_the_run_completes(live: Site) -> None:
    live.hub.start_run("Grüße an alle")
    end = await live.ended()
    assert texts(live) == "Grüße an alle"
    assert isinstance(end.body, RunComplete)
    assert end.body.result.text == "Grüße an alle"
    assert end.body.read == 2


async def test_runs_follow_one_another_and_each_ends_once(live: Site) -> None:
    for number in range(5):
        live.hub.start_run(f"prompt {number}", f"run_{number}")
        end = await live.ended(f"run_{number}")
        assert isinstance(end.body, RunComplete)
        assert texts(live, f"run_{number}") == f"prompt {number}"


async def test_a_run_that_has_ended_before_the_host_came_is_not_begun(site: Site) -> None:
    old = site.hub.start_run("old", "run_old")
    site.hub.append(RunAborted(), old)
    site.hub.start_run("new", "run_new")
    await site.open()
    await site.start()
    await site.ended("run_new")
    assert texts(site, "run_old") == ""
    assert len(site.hub.of(RunAborted, run="run_old")) == 1


async def test_a_run_aborted_before_the_host_came_ends_without_being_begun(site: Site) -> None:
    run = site.hub.script({"write": {"path": "made", "content": ""}})
    site.hub.abort(run)
    await site.open()
    await site.start()
    assert isinstance((await site.ended()).body, RunAborted)
    assert list(site.workspace.iterdir()) == []


async def test_input_that_joins_is_taken_up_between_steps(live: Site) -> None:
    run = live.hub.script({"text": "first."}, {"sleep": 0.5}, {"text": "last."})
    await seen(live, TextDelta)
    steered = live.hub.steer("joined.", run)
    end = await live.ended()
    assert texts(live) == "first.joined.last."
    assert isinstance(end.body, RunComplete)
    assert end.body.read == steered


async def test_input_that_came_too_late_is_left_unread(live: Site) -> None:
    run = live.hub.script({"text": "working"}, {"bash": {"command": "sleep 30"}})
    await seen(live, ToolStart)
    steered = live.hub.steer("too late", run)
    live.hub.abort(run)
    end = await live.ended()
    assert isinstance(end.body, RunAborted)
    assert end.body.read == steered - 1


async def test_input_and_answers_for_another_run_are_not_this_runs(live: Site) -> None:
    run = live.hub.script({"text": "mine."}, {"sleep": 0.3})
    await seen(live, TextDelta)
    live.hub.steer("foreign", RunId("run_other"))
    live.hub.append(PermissionReplied(request=RequestId("req_unknown"), reply="reject"), run)
    assert isinstance((await live.ended()).body, RunComplete)
    assert texts(live) == "mine."


# --- how it ends ------------------------------------------------------------------------------------------------------


async def test_an_abort_kills_what_the_run_started_and_the_host_goes_on(live: Site) -> None:
    run = live.hub.script({"bash": {"command": "setsid sleep 300 & sleep 301 & echo up; sleep 302"}})
    await live.hub.until(lambda: "up" in output(live))
    live.hub.abort(run)
    assert isinstance((await live.ended()).body, RunAborted)
    assert [p for p in live.processes() if "sleep" in p.name()] == []
    error = await seen(live, ToolError)
    assert error.error == "aborted"
    live.hub.start_run("again", "run_2")
    assert isinstance((await live.ended("run_2")).body, RunComplete)


async def test_an_agent_that_does_not_obey_is_cancelled_after_the_grace(site: Site) -> None:
    await site.open()
    await site.start(abort_grace_seconds=0.2)
    run = site.hub.script({"text": "bye"}, {"hang": True})
    await seen(site, TextDelta)
    site.hub.abort(run)
    site.hub.abort(run)
    assert isinstance((await site.ended()).body, RunAborted)


async def test_an_abort_after_the_end_changes_nothing(live: Site) -> None:
    run = live.hub.start_run("short")
    await live.ended()
    live.hub.abort(run)
    live.hub.start_run("next", "run_2")
    await live.ended("run_2")
    assert isinstance((await live.ended()).body, RunComplete)


async def test_a_run_that_the_hub_has_closed_is_stopped_and_gets_no_second_end(live: Site) -> None:
    run = live.hub.script({"bash": {"command": "echo up; sleep 300"}})
    await live.hub.until(lambda: "up" in output(live))
    live.hub.append(RunError(error=Failure(code="interrupted", message="by the hub")), run)
    live.hub.start_run("next", "run_2")
    await live.ended("run_2")
    await live.ended()
    assert [p for p in live.processes() if "sleep" in p.name()] == []


async def test_a_failing_agent_gives_its_code_and_message(live: Site) -> None:
    live.hub.script({"text": "so far"}, {"fail": {"code": "rate_limited", "message": "come back later"}})
    end = (await live.ended()).body
    assert isinstance(end, RunError)
    assert (end.error.code, end.error.message) == ("rate_limited", "come back later")


async def test_a_wrong_script_is_refused_whole(live: Site) -> None:
    live.hub.script({"write": {"path": "made", "content": ""}}, {"write": {"path": 3}})
    end = (await live.ended()).body
    assert isinstance(end, RunError)
    assert end.error.code == "script_invalid"
    assert "step 2" in end.error.message
    assert list(live.workspace.iterdir()) == []


async def test_a_workspace_that_cannot_be_used_fails_the_run_and_is_tried_again(site: Site) -> None:
    await site.open()
    site.workspace.rmdir()
    await site.start()
    site.hub.start_run("hello")
    end = (await site.ended()).body
    assert isinstance(end, RunError)
    assert end.error.code == "workspace_invalid"
    assert str(site.workspace) in end.error.message
    site.workspace.mkdir()
    site.hub.start_run("hello", "run_2")
    assert isinstance((await site.ended("run_2")).body, RunComplete)


# --- tools ------------------------------------------------------------------------------------------------------------


async def test_commands_run_in_the_workspace_and_their_output_streams(live: Site) -> None:
    live.hub.script({"write": {"path": "a/ü.txt", "content": "täxt"}}, {"bash": {"command": "cat a/ü.txt; pwd >&2"}})
    await live.ended()
    assert output(live) == f"täxt{live.workspace}\n"
    assert len(live.hub.of(ToolComplete)) == 2


async def test_a_failing_command_is_an_error_of_the_tool_not_of_the_run(live: Site) -> None:
    live.hub.script({"bash": {"command": "echo oops; exit 3"}}, {"text": "went on"})
    assert isinstance((await live.ended()).body, RunComplete)
    assert (await seen(live, ToolError)).error == "exit code 3"
    assert texts(live) == "went on"


async def test_a_killed_command_fails_and_the_run_goes_on(live: Site) -> None:
    live.hub.script({"bash": {"command": "echo $$; exec sleep 300"}}, {"text": "went on"})
    pid = int(await live.hub.until(lambda: output(live)))
    os.kill(pid, signal.SIGKILL)
    assert isinstance((await live.ended()).body, RunComplete)
    assert (await seen(live, ToolError)).error == "killed by signal 9"


async def test_a_command_that_leaves_something_running_does_not_hold_the_run_up(live: Site) -> None:
    live.hub.script({"bash": {"command": "sleep 300 & echo done"}})
    with anyio.fail_after(5):
        assert isinstance((await live.ended()).body, RunComplete)
    assert [p.name() for p in live.processes() if p.pid != live.pid] == ["sleep"]


async def test_endless_output_is_cut(live: Site) -> None:
    live.hub.script({"bash": {"command": "head -c 3000000 /dev/zero | tr '\\0' x; echo"}})
    assert isinstance((await live.ended()).body, RunComplete)
    assert output(live).endswith("[output truncated]\n")
    assert len(output(live)) < 1_100_000


async def test_files_outside_the_workspace_are_refused(live: Site) -> None:
    (live.workspace / "link").symlink_to(live.data)
    paths = ["../up", "/tmp/roost-absolute", "link/x", "a/../../up"]
    live.hub.script(*({"write": {"path": path, "content": "x"}} for path in paths))
    assert isinstance((await live.ended()).body, RunComplete)
    assert len(live.hub.of(ToolError)) == len(paths)
    assert not (live.data / "x").exists()


# --- decisions --------------------------------------------------------------------------------------------------------


async def ask(site: Site) -> RequestId:
    site.hub.script({"ask": {"permission": "bash", "patterns": ["rm *"]}}, {"text": " after"})
    return (await seen(site, PermissionAsked)).request


async def test_a_permission_is_asked_and_the_answer_taken(live: Site) -> None:
    request = await ask(live)
    live.hub.append(PermissionReplied(request=request, reply="once"))
    assert isinstance((await live.ended()).body, RunComplete)
    assert texts(live) == "bash: allowed once after"


async def test_a_rejection_with_a_message_is_feedback(live: Site) -> None:
    request = await ask(live)
    live.hub.append(PermissionReplied(request=request, reply="reject", message="use trash"))
    assert isinstance((await live.ended()).body, RunComplete)
    assert texts(live) == "bash: rejected: use trash after"


async def test_a_rejection_without_a_message_stops_the_run(live: Site) -> None:
    request = await ask(live)
    live.hub.append(PermissionReplied(request=request, reply="reject"))
    end = (await live.ended()).body
    assert isinstance(end, RunAborted)
    assert end.reason == "permission-rejected"
    assert texts(live) == ""


async def test_an_answer_given_while_the_link_was_down_arrives(site: Site) -> None:
    await site.open()
    await site.start()
    request = await ask(site)
    await site.close()
    site.hub.append(PermissionReplied(request=request, reply="always"))
    await site.open()
    assert isinstance((await site.ended()).body, RunComplete)
    assert texts(site) == "bash: allowed always after"


async def test_a_question_is_asked_and_its_answer_taken(live: Site) -> None:
    live.hub.script({"question": {"question": "Which?", "options": ["red", "blue"], "multiple": True}})
    asked = await seen(live, QuestionAsked)
    assert [option.label for option in asked.questions[0].options] == ["red", "blue"]
    live.hub.append(QuestionReplied(request=asked.request, reply="answer", answers=(("red", "blue"),)))
    await live.ended()
    assert texts(live) == "answered: red, blue"


async def test_an_abort_ends_a_run_that_waits_for_a_person(live: Site) -> None:
    await ask(live)
    live.hub.abort(RunId("run_1"))
    assert isinstance((await live.ended()).body, RunAborted)
