"""Ten thousand Services: the calls and the time of the first sync, and of one change after it."""

from __future__ import annotations

import asyncio
import math
import statistics

import pytest

from externaldns.ownership import Registry, TxtRegistry
from externaldns.propagation import PropagationCheck
from externaldns.providers.privatezone.api import PAGE_SIZE
from externaldns.providers.privatezone.calls import Family
from externaldns.providers.privatezone.emulator.answer import answer_question
from externaldns.providers.privatezone.emulator.vpc_view import VpcView
from externaldns.remark_registry import RemarkRegistry
from tests.unit.externaldns.faults.emulated_api import VPC
from tests.unit.externaldns.faults.scene import Scene

SERVICES = 10_000
QUOTA = 20.0
RATES: dict[Family, float] = {"read": 50.0, "write": 50.0}
"""More than the server allows: the client finds that out."""


def address(number: int) -> str:
    return f"10.{number // 62500}.{number // 250 % 250}.{number % 250}"


@pytest.mark.parametrize(
    ("registry", "rows_each"), [(TxtRegistry("me"), 2), (RemarkRegistry("me"), 1)], ids=["txt", "remark"]
)
def test_ten_thousand_services(registry: Registry, rows_each: int) -> None:
    scene = Scene(foreign=False)
    api = scene.api
    view = VpcView(api.store, VPC)

    async def ask(name: str, record_type: str) -> frozenset[str]:
        answer = answer_question(view, tuple(name.split(".")), record_type, 0)
        return frozenset(row.value for row in answer.answer)

    async def body() -> None:
        clock = asyncio.get_running_loop().time
        scene.want(**{f"h{number}": address(number) for number in range(SERVICES)})
        api.limit("write", QUOTA)
        seconds: list[float] = []
        check = PropagationCheck(ask, lambda endpoint, took: seconds.append(took), clock)
        began = clock()
        async with scene.process(registry=registry, rates=RATES, report=check.applied) as process:
            # The first sync: one call per row, which is what an API without batches allows, within the quota.
            await scene.until(lambda: process.measured.last_reconcile > 0 or process.measured.failed_names > 0, 7200)
            took = clock() - began
            writes = SERVICES * rows_each
            assert api.calls == {"DescribeZones": 1, "DescribeZoneRecords": 1, "AddZoneRecord": writes}
            assert process.measured.failed_names == 0, "no throttling reaches a record"
            assert api.throttled < writes * 0.1
            assert writes / (took * QUOTA) >= 0.9, f"{writes} calls in {took:.0f} s"

            # A new process lists the zone once, and writes nothing.
        async with scene.process(registry=registry, rates=RATES, report=check.applied) as process:
            api.calls.clear()
            scene.wall += 1
            await scene.until(lambda: process.measured.last_sync >= scene.wall, 600)
            pages = math.ceil(writes / PAGE_SIZE)
            assert api.calls == {"DescribeZones": 1, "DescribeZoneRecords": pages}

            # From now on a change costs its own writes alone, and is in DNS within a second.
            for number in range(0, 200, 2):
                await asyncio.sleep(1.37)
                api.calls.clear()
                scene.want(**{f"h{number}": f"172.16.0.{number}"})
                await asyncio.sleep(2)
                assert api.calls["UpdateZoneRecord"] == 1
                assert api.writes == 1
                assert sum(api.calls.values()) <= 3
            await check.settled()
            assert len(seconds) == 100
            assert statistics.median(seconds) < 1.0
            api.calls.clear()
            scene.want(new="172.16.1.1")
            await asyncio.sleep(2)
            assert api.calls["AddZoneRecord"] == rows_each
            assert sum(api.calls.values()) <= 3
            await check.settled()

    scene.wall = 1.0
    scene.run(body())
