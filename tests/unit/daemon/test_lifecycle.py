"""Programs from start to exit code, as real processes; background tasks on virtual time."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
import subprocess
import sys

import pytest

from clusterdns.daemon.lifecycle import eternal, run, unless_stopped
from clusterdns.errors import ConfigError
from tests.support import virtual_time

WAITS = """
import asyncio, sys
from clusterdns.daemon.lifecycle import run

async def main(stop: asyncio.Event) -> int:
    print("up", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    {then}
    return 7

sys.exit(run(main{how}))
"""


def _start(then: str, how: str = "") -> subprocess.Popen[str]:
    code, pipe = WAITS.format(then=then, how=how), subprocess.PIPE
    program = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    return program


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_main_decides_the_exit_code(number: signal.Signals) -> None:
    with _start("pass") as program:
        program.send_signal(number)
        out, err = program.communicate(timeout=20)
    assert (out, err, program.returncode) == ("stopping\n", "", 7)


@pytest.mark.parametrize(("first", "second"), [(signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)])
def test_the_second_signal_exits_at_once(first: signal.Signals, second: signal.Signals) -> None:
    with _start("await asyncio.Event().wait()") as program:
        assert program.stdout is not None
        program.send_signal(first)
        assert program.stdout.readline() == "stopping\n"
        program.send_signal(second)
        _, err = program.communicate(timeout=20)
    assert (err, program.returncode) == ("", 128 + second)


def test_a_second_signal_is_nothing_new_to_one_that_is_told_by_another() -> None:
    with _start("await asyncio.to_thread(sys.stdin.readline)", ", hurries=False") as program:
        assert program.stdout is not None
        program.send_signal(signal.SIGINT)
        assert program.stdout.readline() == "stopping\n"
        program.send_signal(signal.SIGTERM)
        out, err = program.communicate("\n", timeout=20)
    assert (out, err, program.returncode) == ("", "", 7)


def test_a_config_error_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    async def main(stop: asyncio.Event) -> int:
        raise ConfigError("unknown directive\n x", source="Corefile", line=4, column=5)

    assert run(main) == 1
    assert capsys.readouterr().err == "Corefile:4:5: unknown directive x\n"


def test_other_exceptions_are_bugs_and_keep_their_traceback() -> None:
    async def main(stop: asyncio.Event) -> int:
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        run(main)


def test_a_failing_background_task_is_logged_and_started_again_with_growing_pauses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    starts: list[float] = []

    async def work() -> None:
        now = asyncio.get_running_loop().time()
        starts.append(now)
        if len(starts) == 8:
            await asyncio.sleep(31)  # longer than the longest pause: the next failure counts as the first
            return
        raise RuntimeError("poison")

    async def main() -> None:
        task = eternal("watch of pods", work)
        await asyncio.sleep(200)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    caplog.set_level(logging.ERROR)
    virtual_time.run(main())
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(starts)]
    assert pauses[:9] == [1, 2, 4, 8, 16, 30, 30, 31 + 1, 2]
    texts = [record.getMessage() for record in caplog.records]
    assert texts[0] == "bug: watch of pods failed"
    assert texts[1] == "watch of pods starts again in 1 s"
    assert "bug: watch of pods ended" in texts
    assert "RuntimeError: poison" in caplog.text


def test_a_mistake_of_the_configuration_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ConfigError("no such kubeconfig file", source="/nowhere")

    async def main() -> None:
        task = eternal("watch", work)
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual_time.run(main())
    texts = [record.getMessage() for record in caplog.records]
    assert texts == ["watch failed: /nowhere: no such kubeconfig file", "watch starts again in 1 s"]
    assert "Traceback" not in caplog.text


def test_cancelling_a_background_task_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        task = eternal("watch", asyncio.Event().wait)  # type: ignore[arg-type]
        await asyncio.sleep(1)
        assert task.get_name() == "watch"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual_time.run(main())
    assert caplog.records == []


@pytest.mark.parametrize(
    ("works", "stops", "result", "ended"),
    [(1.0, 2.0, "done", True), (2.0, 1.0, None, False), (1.0, None, "done", True), (9.0, 0.0, None, False)],
)
def test_work_is_cancelled_when_it_is_to_stop(
    works: float, stops: float | None, result: str | None, ended: bool
) -> None:
    done: list[bool] = []

    async def work() -> str:
        await asyncio.sleep(works)
        done.append(True)
        return "done"

    async def main() -> str | None:
        stop = asyncio.Event()
        if stops is not None:
            asyncio.get_running_loop().call_later(stops, stop.set)
        found = await unless_stopped(stop, work())
        await asyncio.sleep(20)
        return found

    assert (virtual_time.run(main()), bool(done)) == (result, ended)


def test_what_work_raises_is_raised() -> None:
    async def work() -> None:
        raise ConfigError("no manifests")

    async def main() -> None:
        await unless_stopped(asyncio.Event(), work())

    with pytest.raises(ConfigError, match="no manifests"):
        virtual_time.run(main())
