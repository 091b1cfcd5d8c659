"""Following a Corefile: when it is looked at, what a changed one does, and what a wrong one does not."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from clusterdns.corefile.parse import parse
from clusterdns.daemon.corefile_loader import Loaded
from clusterdns.daemon.reload import Reload
from clusterdns.directives.config.server import STANDARD, load
from clusterdns.errors import ConfigError
from tests.support.background import in_background
from tests.support.virtual_time import run


def loaded(digest: str, *reloads: str) -> Loaded:
    """A Corefile with a server block for each of `reloads`, which is its `reload` line or empty."""
    text = "\n".join(f"zone{number}.example {{\n {line}\n}}" for number, line in enumerate(reloads or ("",)))
    return Loaded(load(parse(text, "Corefile", environ={}), STANDARD), digest)


class Scene:
    """A Corefile on a disk that the test writes to, and what was made to run."""

    def __init__(self, first: Loaded, dice: float = 0.5) -> None:
        self.disk: Loaded | ConfigError = first
        self.refuses: ConfigError | None = None
        self.applied: list[str] = []
        self.looked: list[float] = []
        self.has_looked = asyncio.Event()
        self.reload = Reload(first, self._load, self._apply, lambda: dice)

    def _load(self) -> Loaded:
        self.has_looked.set()
        self.looked.append(asyncio.get_running_loop().time())
        if isinstance(self.disk, ConfigError):
            raise self.disk
        return self.disk

    async def _apply(self, changed: Loaded) -> None:
        await asyncio.sleep(0)
        if self.refuses is not None:
            raise self.refuses
        self.applied.append(changed.digest)

    def play(self, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def with_reload() -> None:
            async with in_background(self.reload.run()):
                await body()

        run(with_reload())


@pytest.mark.parametrize(
    ("lines", "dice", "pause"),
    [
        (["reload"], 0.5, 30),
        (["reload"], 0.0, 15),
        (["reload"], 1.0, 45),
        (["reload 10s"], 0.0, 5),  # the jitter is half of the interval at most
        (["reload 10s 2s"], 1.0, 12),
        (["reload 60s 30s", "reload 20s 1s", ""], 1.0, 21),  # the shortest of the blocks
    ],
)
def test_the_file_is_looked_at_every_interval_more_or_less(lines: list[str], dice: float, pause: float) -> None:
    scene = Scene(loaded("one", *lines), dice)

    async def body() -> None:
        await asyncio.sleep(3.5 * pause)

    scene.play(body)
    assert scene.looked == [pause, 2 * pause, 3 * pause]
    assert scene.applied == []
    assert (scene.reload.counters.reloads, scene.reload.counters.failures) == (0, 0)


def test_without_reload_the_file_is_looked_at_when_the_signal_comes() -> None:
    scene = Scene(loaded("one"))

    async def body() -> None:
        await asyncio.sleep(10_000)
        assert scene.looked == []
        scene.disk = loaded("two")
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.sleep(1)
        assert scene.applied == ["two"]

    scene.play(body)


def test_the_signal_comes_while_a_file_is_taken_over() -> None:
    scene = Scene(loaded("one", "reload"))

    async def body() -> None:
        scene.disk = loaded("two", "reload")
        scene.reload.now()
        await scene.has_looked.wait()
        scene.disk = loaded("three", "reload")
        scene.reload.now()
        await asyncio.sleep(1)
        assert scene.applied == ["two", "three"]

    scene.play(body)


def test_a_changed_file_runs_with_its_own_interval(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(loaded("one", "reload 10s"))

    async def body() -> None:
        scene.disk = loaded("two", "reload 100s")
        await asyncio.sleep(115)

    caplog.set_level(logging.INFO)
    scene.play(body)
    assert scene.looked == [10, 110]
    assert scene.applied == ["two"]
    counters = scene.reload.counters
    assert (counters.digest, counters.reloads, counters.failures) == ("two", 1, 0)
    assert [record.getMessage() for record in caplog.records] == ["reloaded the Corefile: SHA512 two"]


@pytest.mark.parametrize("where", ["read", "apply"])
def test_a_wrong_file_changes_nothing_and_is_said_once(caplog: pytest.LogCaptureFixture, where: str) -> None:
    scene = Scene(loaded("one", "reload 10s"))
    wrong = ConfigError("no such directive", source="Corefile", line=3, column=2)

    def break_it(error: ConfigError) -> None:
        scene.disk, scene.refuses = (error, None) if where == "read" else (loaded("wrong"), error)

    async def body() -> None:
        break_it(wrong)
        await asyncio.sleep(45)
        assert scene.reload.counters.digest == "one"
        assert scene.reload.counters.failures == 4
        assert len(caplog.records) == 1
        assert "what runs stays: Corefile:3:2: no such directive" in caplog.records[0].getMessage()
        break_it(ConfigError("another mistake"))
        await asyncio.sleep(20)
        assert len(caplog.records) == 2
        scene.disk, scene.refuses = loaded("two", "reload 10s"), None
        await asyncio.sleep(10)
        assert scene.applied == ["two"]
        # Who makes the same mistake again is told again.
        break_it(wrong)
        await asyncio.sleep(10)
        assert [record.levelno for record in caplog.records] == [logging.ERROR] * 3
        assert (scene.reload.counters.digest, scene.reload.counters.reloads) == ("two", 1)

    scene.play(body)


def test_a_mistake_that_is_taken_back_is_told_again_when_it_returns(caplog: pytest.LogCaptureFixture) -> None:
    right, wrong = loaded("one", "reload 10s"), ConfigError("no such directive")
    scene = Scene(right)

    async def body() -> None:
        await asyncio.sleep(5)
        for disk in (wrong, right, wrong):
            scene.disk = disk
            await asyncio.sleep(10)

    scene.play(body)
    assert len(caplog.records) == 2
    assert scene.applied == []


def test_after_the_end_the_signal_is_the_process_s_own_again() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    scene = Scene(loaded("one"))

    async def body() -> None:
        await asyncio.sleep(1)
        assert signal.getsignal(signal.SIGUSR1) != before

    scene.play(body)
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
