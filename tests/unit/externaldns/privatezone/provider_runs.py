"""The provider over the API in memory, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from externaldns.changes import ChangeResult, NameChange, RecordChange
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.gateway import WriteGateway
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.providers.privatezone.zones import ZoneChoice
from externaldns.providers.provider import Snapshot
from externaldns.record import Endpoint
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi


@contextmanager
def provider_of(
    api: MemoryApi, choice: ZoneChoice | None = None, *, dry_run: bool = False
) -> Iterator[PrivateZoneProvider]:
    calls = Calls(clock=lambda: asyncio.get_running_loop().time(), dice=lambda: 0.0)
    try:
        yield PrivateZoneProvider(api, calls, WriteGateway(api, api, calls, dry_run=dry_run), choice)
    finally:
        calls.close()


def read(api: MemoryApi, choice: ZoneChoice | None = None) -> Snapshot:
    with provider_of(api, choice) as provider:
        return virtual_time.run(provider.read())


def apply(api: MemoryApi, *changes: NameChange, dry_run: bool = False) -> list[ChangeResult]:
    async def body(provider: PrivateZoneProvider) -> list[ChangeResult]:
        await provider.read()
        return await provider.apply(changes)

    with provider_of(api, dry_run=dry_run) as provider:
        return virtual_time.run(body(provider))


def record(name: str, record_type: str, *targets: str, ttl: int | None = None) -> Endpoint:
    return Endpoint(name, targets, record_type, ttl=ttl)


def change(old: Endpoint | None, new: Endpoint | None) -> NameChange:
    step = RecordChange(old, new)
    return NameChange(step.endpoint.dns_name, (step,))


def create(name: str, *targets: str) -> NameChange:
    return change(None, record(name, "A", *targets, ttl=60))
