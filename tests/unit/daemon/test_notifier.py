"""Telling secondaries of changes, over real sockets and on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import dns.message
import dns.opcode
import pytest

from clusterdns.daemon.lifecycle import eternal
from clusterdns.daemon.notifier import Notifier
from clusterdns.directives.transfer import Contents, Rule, Transfer
from clusterdns.forward.upstreams import Upstream as Address
from clusterdns.wire.names import name_from_text
from tests.support import virtual_time
from tests.support.directive import nobody
from tests.support.upstream import Asked, Do, Upstream

ZONES = ("a.example.", "b.example.")


class Source:
    """A directive that has two zones."""

    def __init__(self) -> None:
        self.synced = True
        self.serials = dict.fromkeys(map(name_from_text, ZONES), 1000)

    @property
    def whole_zones(self) -> list[bytes]:
        return list(self.serials)

    def serial(self, zone: bytes) -> int:
        return self.serials[zone]

    def contents(self, zone: bytes) -> Contents:
        raise AssertionError(f"a notifier reads no contents, but asked for those of {zone!r}")


def transfer(source: Source, *rules: tuple[str, list[Upstream]]) -> Transfer:
    return Transfer(
        [
            Rule((name_from_text(zone),), (), tuple(Address(each.host, each.port) for each in secondaries))
            for zone, secondaries in rules
        ],
        [source],
        nobody,
    )


def acknowledge(rcode: int = 0) -> Callable[[Asked], Do | bytes]:
    def script(asked: Asked) -> bytes:
        answer = bytearray(asked.message)
        answer[2] |= 0x80
        answer[3] = rcode
        return bytes(answer)

    return script


def told(secondary: Upstream) -> list[str]:
    """The zones that it was told of."""
    messages = [dns.message.from_wire(asked.message) for asked in secondary.asked]
    assert all(message.opcode() == dns.opcode.NOTIFY for message in messages)
    return [message.question[0].name.to_text() for message in messages]


class Scene:
    """Two secondaries, one of each family, and what tells them."""

    def __init__(self, first: Upstream, second: Upstream) -> None:
        self.first, self.second = first, second
        self.source = Source()
        self.transfers = [transfer(self.source, ("example.", [first]), ("b.example.", [first, second]))]
        self.notifier = Notifier(lambda: self.transfers)


def play(script: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            secondaries = [Upstream(acknowledge(), host=host) for host in ("127.0.0.1", "::1")]
            for each in secondaries:
                await stack.enter_async_context(each)
            scene = Scene(*secondaries)
            task = eternal("notify", scene.notifier.run)
            try:
                await script(scene)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    virtual_time.run(main())


def test_each_is_told_at_the_start_and_of_each_change() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.sleep(60)
        assert sorted(told(scene.first)) == ["a.example.", "b.example."]
        assert told(scene.second) == ["b.example."]
        scene.source.serials[name_from_text("a.example.")] += 1
        await asyncio.sleep(60)
        assert sorted(told(scene.first)) == ["a.example.", "a.example.", "b.example."]
        assert told(scene.second) == ["b.example."]
        assert scene.notifier.results == {("a.example.", "acknowledged"): 2, ("b.example.", "acknowledged"): 2}

    play(script)


def test_nobody_is_told_before_the_zones_are_known() -> None:
    async def script(scene: Scene) -> None:
        scene.source.synced = False
        await asyncio.sleep(60)
        assert scene.second.asked == []
        scene.source.synced = True
        await scene.second.wait_for(1)

    play(script)


FAILURES: list[tuple[str, Callable[[Asked], Do | bytes], int, str, str]] = [
    (
        "silent",
        lambda asked: Do.DROP,
        5,
        "unanswered",
        "does not answer to NOTIFY of b.example., and sees changes later",
    ),
    ("refusing", acknowledge(5), 1, "refused", "answers REFUSED to NOTIFY of b.example., and sees changes later"),
]


@pytest.mark.parametrize(
    ("behave", "messages", "result", "said"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
def test_who_does_not_take_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
    behave: Callable[[Asked], Do | bytes],
    messages: int,
    result: str,
    said: str,
) -> None:
    async def script(scene: Scene) -> None:
        scene.second.script = behave
        for number in (1, 2):
            await asyncio.sleep(120)
            assert len(scene.second.asked) == number * messages
            assert scene.notifier.results["b.example.", result] == number
            scene.source.serials[name_from_text("b.example.")] += 1
        await asyncio.sleep(120)
        assert [text for text in caplog.messages if "NOTIFY" in text] == [f"[::1]:{scene.second.port} {said}"]
        # Once it takes one, the next trouble is news.
        scene.second.script = acknowledge()
        scene.source.serials[name_from_text("b.example.")] += 1
        await asyncio.sleep(120)
        scene.second.script = behave
        scene.source.serials[name_from_text("b.example.")] += 1
        await asyncio.sleep(120)
        assert len([text for text in caplog.messages if "NOTIFY" in text]) == 2

    play(script)


def test_who_is_not_there_is_tried_again() -> None:
    """Nobody listens on the port (ICMP port unreachable), then somebody does."""

    async def script(scene: Scene) -> None:
        await scene.second.stop()
        await asyncio.sleep(5)
        await scene.second.start()
        await scene.second.wait_for(1)
        await asyncio.sleep(60)
        assert told(scene.second) == ["b.example."]
        assert scene.notifier.results["b.example.", "unanswered"] == 0

    play(script)


def test_a_reload_tells_nobody_what_it_knows() -> None:
    async def script(scene: Scene) -> None:
        await asyncio.sleep(60)
        scene.transfers = [transfer(scene.source, ("b.example.", [scene.first]))]
        await asyncio.sleep(60)
        assert sorted(told(scene.first)) == ["a.example.", "b.example."]
        scene.source.serials = dict.fromkeys(scene.source.serials, 2000)
        await asyncio.sleep(60)
        assert sorted(told(scene.first)) == ["a.example.", "b.example.", "b.example."]
        assert told(scene.second) == ["b.example."]

    play(script)
