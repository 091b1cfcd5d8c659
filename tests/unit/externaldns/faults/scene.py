"""externaldns as a whole on virtual time, against the emulator's operations: processes that start, die and compete."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from clusterdns.kube.leader import Leadership
from clusterdns.kube.objects import Service
from clusterdns.kube.store import Cluster
from externaldns.controller import Controller, Report
from externaldns.decision import Rules
from externaldns.loop import ControlLoop
from externaldns.measurements import Measurements
from externaldns.ownership import Registry, TxtRegistry
from externaldns.providers.privatezone.calls import Calls, Family
from externaldns.providers.privatezone.gateway import Cause, WriteGateway, ZoneWrite, describe
from externaldns.providers.privatezone.operations import Operation
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.providers.privatezone.zones import ZoneChoice
from externaldns.schedule import Schedule
from externaldns.sources.service import ServiceSource
from tests.support import virtual_time
from tests.support.until import until
from tests.unit.externaldns.faults.emulated_api import VPC, EmulatedApi, InlineExecutor, Killed

PREFIX = "external-dns.kubernetes.io/"
ZONE = "ex.com"


class Scene:
    """A cluster and a zone. `wanted` becomes Services; other people's records are `FOREIGN`."""

    FOREIGN = (
        "hand A 60 198.51.100.2",
        'a-theirs TXT 60 "heritage=external-dns,external-dns/owner=them,external-dns/resource=service/x/theirs"',
        "theirs A 60 198.51.100.1",
    )

    def __init__(self, *, foreign: bool = True) -> None:
        self.jump = 0.0
        """Seconds by which the monotonic clock has jumped ahead, as after a machine was suspended."""
        self.wall = 0.0
        """What the wall clock says."""
        self.causes: list[tuple[str, str]] = []
        """Each write that was tried, and why."""
        self.cluster = Cluster()
        for store in ServiceSource(self.cluster).stores:
            store.replace(())
        self.api = EmulatedApi(ZONE, clock=lambda: asyncio.get_running_loop().time() if _running() else 0.0)
        if foreign:
            for line in self.FOREIGN:
                rr, record_type, ttl, value = line.split(" ", 3)
                self.api.by_hand("AddZoneRecord", ZONE, Rr=rr, Type=record_type, Ttl=ttl, Value=value)

    def want(self, **targets: str) -> None:
        """Services shop/NAME ask for NAME.ex.com; "" takes a Service away. `apex` is the zone itself."""
        for name, target in targets.items():
            if not target:
                self.cluster.services.delete(("shop", name))
                continue
            hostname = ZONE if name == "apex" else f"{name}.{ZONE}"
            annotations = {PREFIX + "hostname": hostname, PREFIX + "target": target}
            self.cluster.services.put(Service(namespace="shop", name=name, annotations=annotations))

    @asynccontextmanager
    async def process(
        self,
        *,
        owner: str = "me",
        registry: Registry | None = None,
        rules: Rules | None = None,
        leadership: Leadership | None = None,
        rates: Mapping[Family, float] | None = None,
        report: Report = lambda results, changed_at: None,
        interval: float = 60.0,
        full_read_seconds: float = 600.0,
    ) -> AsyncIterator[Process]:
        """One externaldns at work, for as long as the block."""
        loop_time = asyncio.get_running_loop().time

        def clock() -> float:
            return loop_time() + self.jump

        calls = Calls(rates=rates, threads=InlineExecutor(), clock=clock, dice=random.Random(1).random)
        fence = leadership.require if leadership else lambda: None
        gateway = WriteGateway(self.api, self.api, calls, dry_run=False, fence=fence, audit=self._audit)
        provider = PrivateZoneProvider(
            self.api, calls, gateway, ZoneChoice(VPC), full_read_seconds=full_read_seconds, clock=clock
        )
        measured = Measurements()
        controller = Controller(
            [ServiceSource(self.cluster)],
            registry or TxtRegistry(owner),
            provider,
            rules,
            leadership=leadership,
            measurements=measured,
            report=report,
            clock=clock,
            wall_clock=lambda: self.wall,
        )
        loop = ControlLoop(
            controller,
            Schedule(interval),
            events=True,
            leadership=leadership,
            clock=clock,
            wall_clock=lambda: self.wall,
            dice=random.Random(2).random,
        )
        process = Process(controller, loop, calls, measured)
        process.start()
        try:
            yield process
        finally:
            await process.stop()

    def _audit(self, operation: Operation | ZoneWrite, cause: Cause, error: Exception | None) -> None:
        if not isinstance(operation, ZoneWrite):
            self.causes.append((describe(operation).partition(" TTL")[0], cause.verb))

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        """Run `body` on virtual time, and close everything."""
        try:
            virtual_time.run(body)
        finally:
            self.api.close()

    def rows(self) -> list[str]:
        return self.api.rows(ZONE)

    def desired(self, owner: str = "me") -> list[str]:
        """The rows that the zone is to have in the end: what is wanted now, its ownership records, and others' rows."""
        rows = list(self.FOREIGN)
        for service in self.cluster.services:
            target = service.annotations[PREFIX + "target"]
            name = "@" if service.name == "apex" else service.name
            beside = "_apex" if service.name == "apex" else service.name
            values = target.split(",")
            for record_type in sorted({_type(value) for value in values}):
                rows += [f"{name} {record_type} 60 {value}" for value in values if _type(value) == record_type]
                whose = f"external-dns/owner={owner},external-dns/resource=service/shop/{service.name}"
                rows.append(f'{record_type.lower()}-{beside} TXT 60 "heritage=external-dns,{whose}"')
        return sorted(rows)

    async def until(self, condition: Callable[[], bool], seconds: float = 3600.0, step: float = 0.5) -> float:
        """Wait until `condition`, looked at every `step`, holds; return how long that took.

        TimeoutError after `seconds`. All of it is virtual time.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        await until(condition, seconds, step)
        return clock() - began

    async def settled(self, seconds: float = 3600.0, owner: str = "me") -> float:
        """Wait until the zone is as desired."""
        try:
            return await self.until(lambda: self.rows() == self.desired(owner), seconds)
        except TimeoutError:
            missing = sorted(set(self.desired(owner)) - set(self.rows()))
            extra = sorted(set(self.rows()) - set(self.desired(owner)))
            raise AssertionError(f"missing {missing}, too many {extra}") from None


class Process:
    """A running externaldns."""

    def __init__(self, controller: Controller, loop: ControlLoop, calls: Calls, measured: Measurements) -> None:
        self.controller = controller
        self.loop = loop
        self.calls = calls
        self.measured = measured
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._work = asyncio.create_task(self.loop.run())

    @property
    def ended(self) -> bool:
        return self._work is not None and self._work.done()

    async def stop(self) -> None:
        """End it wherever it is: as kill -9, at an await."""
        assert self._work is not None
        self._work.cancel()
        with suppress(asyncio.CancelledError, Killed):
            await self._work


def _type(value: str) -> str:
    return "AAAA" if ":" in value else "A" if value.replace(".", "").isdecimal() else "CNAME"


def _running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
