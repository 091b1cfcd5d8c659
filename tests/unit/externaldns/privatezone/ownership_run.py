"""One run over a zone in memory with any registry: what it wants to write, and the zone when that is done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from externaldns.changes import NameChange
from externaldns.domain_filter import Zones
from externaldns.ownership import Registry
from externaldns.plan import Scope, calculate
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.gateway import WriteGateway
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.record import RECORD_TYPES, Endpoint
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi


def wanted(
    name: str, *targets: str, record_type: str = "A", resource: str = "service/shop/web", **labels: str
) -> Endpoint:
    return Endpoint(name, targets, record_type, labels={"resource": resource, **labels})


def provider_over(api: MemoryApi, calls: Calls) -> PrivateZoneProvider:
    return PrivateZoneProvider(api, calls, WriteGateway(api, api, calls, dry_run=False))


def new_calls() -> Calls:
    return Calls(clock=lambda: asyncio.get_running_loop().time(), dice=lambda: 0.0)


def run(api: MemoryApi, registry: Registry, *desired: Endpoint) -> tuple[NameChange, ...]:
    """Plan and apply as the controller does, for all managed types but TXT; return the changes."""
    calls = new_calls()

    async def script() -> tuple[NameChange, ...]:
        provider = provider_over(api, calls)
        snapshot = await provider.read()
        zone_of = Zones(snapshot.zones).find
        view = registry.read(snapshot.records, zone_of)
        types = frozenset(RECORD_TYPES) - {"TXT"}
        scope = Scope(
            registry.owner_id, types, lambda name: zone_of(name) != "", view.others, registry.migrate_from or ""
        )
        plan = calculate(view.endpoints, await provider.adjust(desired), scope)
        attached = view.attach(plan.changes, sweep=scope)
        _require_success(await provider.apply(attached.changes))
        return attached.changes

    try:
        return virtual_time.run(script())
    finally:
        calls.close()


def _require_success(results: Sequence[object]) -> None:
    for result in results:
        error = getattr(result, "error", None)
        if error is not None:
            raise AssertionError(error)
