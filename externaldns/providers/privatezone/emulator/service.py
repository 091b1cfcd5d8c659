"""privatezone-emulator: Alibaba Cloud PrivateZone on one machine, for demos and tests. Read this first.

The API (`http` → `signature` → `quota` → `api` → `zone_operations`, `record_operations` → `rules` → `store`) and the
DNS (`dns` → `message` → `answer` → `vpc_view` → `store`) run in one thread on one SQLite file: what an API call has
changed, the next DNS query sees. Each DNS listener is the resolver of one VPC and answers the zones bound to it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field

from clusterdns.daemon import lifecycle, logs
from clusterdns.errors import ClusterDNSError
from externaldns.providers.privatezone.emulator.call import Call
from externaldns.providers.privatezone.emulator.dns import DnsServer
from externaldns.providers.privatezone.emulator.flags import Address, Flags, parse_flags
from externaldns.providers.privatezone.emulator.http import ApiServer
from externaldns.providers.privatezone.emulator.parameters import Parameters
from externaldns.providers.privatezone.emulator.store import Store
from externaldns.providers.privatezone.emulator.vpc_view import VpcView
from externaldns.providers.privatezone.emulator.zone_operations import ensure_zone


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a running emulator really listens."""

    api: Address
    dns: Address
    resolvers: Mapping[str, Address] = field(default_factory=dict)
    """Of the other VPCs."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. Returns 0, or 2 if the flags and 1 if the machine stand in the way."""
    try:
        flags = parse_flags(argv)
        logs.setup("warning")
        with open_store(flags) as store:
            return lifecycle.run(lambda stop: _serve(flags, store, stop))
    except ClusterDNSError as error:
        sys.stderr.write(f"privatezone-emulator: {error}\n")
        return 2


async def _serve(flags: Flags, store: Store, stop: asyncio.Event) -> int:
    async with running(flags, store) as listening:
        others = "".join(f" {vpc}={_show(address)}" for vpc, address in listening.resolvers.items())
        sys.stdout.write(f"ready api={_show(listening.api)} dns={_show(listening.dns)}{others}\n")
        sys.stdout.flush()
        await stop.wait()
    return 0


@contextmanager
def open_store(flags: Flags) -> Iterator[Store]:
    """Open the database and see to the zones; close it at the end. Raises ConfigError, and ApiFailure for the zones."""
    with closing(Store(flags.database)) as store:
        call = Call(store, Parameters({}), now_ms=int(time.time() * 1000), client="privatezone-emulator")
        with store.transaction():
            for zone_name in flags.zones:
                ensure_zone(call, zone_name, flags.vpc)
        yield store


@asynccontextmanager
async def running(flags: Flags, store: Store) -> AsyncIterator[Listening]:
    """Answer from `store`; stop at the end. Raises ConfigError for an address that can't be had."""
    api = ApiServer(store, flags.key, quotas=flags.quotas, codes=flags.codes, faults=flags.faults)
    async with AsyncExitStack() as cleanup:
        servers: dict[str, DnsServer] = {}
        for vpc, address in {flags.vpc.vpc_id: flags.dns_listen, **flags.resolvers}.items():
            servers[vpc] = DnsServer(VpcView(store, vpc), *address)
            cleanup.push_async_callback(servers[vpc].close)
            await servers[vpc].start()
        cleanup.push_async_callback(api.close)
        addresses = {vpc: server.address for vpc, server in servers.items()}
        own = addresses.pop(flags.vpc.vpc_id)
        yield Listening(api=await api.start(*flags.api_listen), dns=own, resolvers=addresses)


def _show(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    sys.exit(main())
