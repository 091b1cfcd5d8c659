"""An API that throttles, fails and loses answers: the zone ends exactly as wanted, and others' rows stay."""

from __future__ import annotations

import asyncio
import random

import pytest

from externaldns.providers.privatezone.emulator.faults import Fault, Faults
from tests.unit.externaldns.faults.scene import Scene

WANTED = {
    "web": "192.0.2.1",
    "pair": "192.0.2.1,192.0.2.2,2001:db8::1",
    "alias": "lb.example.net",
    "apex": "192.0.2.9",
    "gone": "192.0.2.1",
    **{f"h{number}": f"192.0.2.{number}" for number in range(20)},
}
LATER = {
    "web": "192.0.2.7",
    "pair": "192.0.2.2,192.0.2.3",
    "alias": "192.0.2.8",
    "gone": "",
    "new": "192.0.2.1",
    # Somebody else's, and somebody's by hand: wanted in vain.
    **{f"h{number}": f"198.51.100.{number}" for number in range(10)},
}

FAULTS = {
    "throttling at 50 %": (Fault("any", "throttle", 0.5),),
    "500s": (Fault("any", "error", 0.3),),
    "503s": (Fault("writes", "unavailable", 0.6),),
    "busy": (Fault("any", "busy", 0.4),),
    "timeouts after the write was done": (Fault("writes", "lost", 0.5),),
    "connections cut before the write": (Fault("any", "cut", 0.4),),
    "everything at once": (
        Fault("any", "throttle", 0.2),
        Fault("any", "error", 0.2),
        Fault("writes", "lost", 0.3),
        Fault("any", "cut", 0.2),
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("faults", FAULTS)
def test_it_ends_in_exactly_the_wanted_zone(faults: str, seed: int) -> None:
    scene = Scene()
    scene.api.dice = random.Random(seed).random
    scene.api.faults = Faults(FAULTS[faults])

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process() as process:
            await scene.settled(7200)
            scene.want(**LATER)
            await scene.settled(7200)
            assert not process.ended
            scene.api.faults = Faults()
            # Names in doubt are looked at again, and nothing is left to do.
            await scene.until(lambda: process.loop.failing == 0)
            writes = scene.api.writes
            await scene.until(lambda: process.measured.consecutive_errors == 0)
            assert scene.rows() == scene.desired()
            assert scene.api.writes == writes

    scene.run(body())


def test_throttling_reaches_no_record() -> None:
    scene = Scene()
    scene.api.dice = random.Random(7).random
    scene.api.faults = Faults((Fault("writes", "throttle", 0.5),))

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process() as process:
            await scene.settled(7200)
            assert process.measured.failed_names == 0
            assert scene.api.throttled > 10

    scene.run(body())


def test_a_record_that_is_refused_is_in_nobodys_way_and_the_others_arrive() -> None:
    scene = Scene()

    async def body() -> None:
        # No host record's character: the API refuses it, every time.
        scene.want(**WANTED, **{"b!d": "192.0.2.1"})
        async with scene.process() as process:
            bad = [row for row in scene.desired() if "b!d" in row]
            await scene.until(lambda: set(scene.rows()) == set(scene.desired()) - set(bad), 600)
            assert process.loop.failing == 1
            scene.want(**{"b!d": "", "late": "192.0.2.5"})
            assert await scene.settled(60) <= 2

    scene.run(body())


def test_a_zone_that_refuses_everything_is_left_in_peace_and_comes_back() -> None:
    scene = Scene()
    scene.api.faults = Faults((Fault("writes", "error"),))

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process():
            await asyncio.sleep(600)
            tried = scene.api.calls["AddZoneRecord"]
            assert 25 <= tried < 300, "27 names, each tried again and again, would be some thousand calls"
            scene.api.faults = Faults()
            await scene.settled(600)

    scene.run(body())
