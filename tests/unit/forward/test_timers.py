"""The wheel, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from clusterdns.forward.timers import Wheel
from tests.support import virtual_time

TICK = 0.05


class Item:
    """Notes when it expired."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.expired_at: float | None = None
        self._then = then

    def expire(self) -> None:
        assert self.expired_at is None
        self.expired_at = asyncio.get_running_loop().time()
        self._then()


def test_never_early_and_at_most_two_ticks_late() -> None:
    async def main() -> list[tuple[float, float | None]]:
        loop = asyncio.get_running_loop()
        wheel = Wheel(loop, tick_seconds=TICK)
        items = []
        for number in range(60):
            # Times that fall anywhere within a tick.
            seconds = number * 0.0371
            item = Item()
            wheel.set(item, loop.time() + seconds)
            items.append((loop.time() + seconds, item))
            await asyncio.sleep(0.013)
        await asyncio.sleep(5)
        return [(when, item.expired_at) for when, item in items]

    for when, expired_at in virtual_time.run(main()):
        assert expired_at is not None
        assert when <= expired_at <= when + 2 * TICK + 1e-9


def test_what_is_called_off_does_not_expire() -> None:
    async def main() -> tuple[float | None, float | None]:
        loop = asyncio.get_running_loop()
        wheel = Wheel(loop, tick_seconds=TICK)
        kept, called_off = Item(), Item()
        wheel.set(kept, loop.time() + 1)
        slot = wheel.set(called_off, loop.time() + 1)
        del slot[called_off]
        await asyncio.sleep(3)
        return kept.expired_at, called_off.expired_at

    kept, called_off = virtual_time.run(main())
    assert kept is not None
    assert called_off is None


def test_an_item_may_set_and_call_off_others_as_it_expires() -> None:
    async def main() -> list[float | None]:
        loop = asyncio.get_running_loop()
        wheel = Wheel(loop, tick_seconds=TICK)
        neighbour, later = Item(), Item()

        def act() -> None:
            del slot[neighbour]
            wheel.set(later, loop.time() + 1)

        first = Item(act)
        slot = wheel.set(first, loop.time() + 1)
        assert wheel.set(neighbour, loop.time() + 1) is slot
        await asyncio.sleep(4)
        return [first.expired_at, neighbour.expired_at, later.expired_at]

    first, neighbour, later = virtual_time.run(main())
    assert first is not None
    assert later is not None
    assert neighbour is None
    assert later > first + 1


def test_an_item_that_fails_leaves_the_rest_for_the_next_turn() -> None:
    async def main() -> tuple[float | None, list[str]]:
        loop = asyncio.get_running_loop()
        reported: list[str] = []
        loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
        wheel = Wheel(loop, tick_seconds=TICK)

        def fail() -> None:
            raise RuntimeError("on purpose")

        rest = Item()
        wheel.set(Item(fail), loop.time() + 1)
        wheel.set(rest, loop.time() + 1)
        await asyncio.sleep(2)
        return rest.expired_at, reported

    expired_at, reported = virtual_time.run(main())
    assert reported == ["on purpose"]
    assert expired_at is not None


def test_no_timer_runs_without_a_deadline() -> None:
    async def main() -> list[bool]:
        loop = asyncio.get_running_loop()
        wheel = Wheel(loop, tick_seconds=TICK)
        seen = [wheel.is_ticking]
        item = Item()
        slot = wheel.set(item, loop.time() + 1)
        seen.append(wheel.is_ticking)
        del slot[item]
        await asyncio.sleep(2 * TICK)
        seen.append(wheel.is_ticking)
        wheel.set(item, loop.time() + 1)
        seen.append(wheel.is_ticking)
        wheel.stop()
        seen.append(wheel.is_ticking)
        await asyncio.sleep(2)
        assert item.expired_at is None
        return seen

    assert virtual_time.run(main()) == [False, True, False, True, False]
