"""A Lease in memory, and those who want to have it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from msgspec.structs import replace

from clusterdns.errors import KubeApiError
from clusterdns.kube.leader import Leader
from clusterdns.kube.lease import Lease
from tests.support.background import in_background


class LeaseInMemory:
    """It goes by the server's rule for versions; fails while `away`."""

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self.version = 0
        self.away = False
        self.writes = 0

    async def read(self) -> Lease | None:
        if self.away:
            raise KubeApiError(0, "NoAnswer", "away")
        return self.lease

    async def write(self, wanted: Lease) -> Lease:
        if self.away:
            raise KubeApiError(0, "NoAnswer", "away")
        if wanted.version != (self.lease.version if self.lease else ""):
            raise KubeApiError(409, "Conflict", "the object has been modified")
        self.writes += 1
        self.version += 1
        self.lease = replace(wanted, version=str(self.version), transitions=0)
        return self.lease


@asynccontextmanager
async def candidate(
    api: LeaseInMemory, name: str, wall: float = 0.0, finish: Callable[[], Awaitable[bool]] | None = None
) -> AsyncIterator[Leader]:
    clock = asyncio.get_running_loop().time
    leader = Leader(api, name, clock=clock, wall_clock=lambda: wall)  # type: ignore[arg-type]
    async with in_background(leader.run(finish) if finish else leader.run()):
        yield leader
