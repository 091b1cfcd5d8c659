"""privatezone-emulator: Alibaba Cloud PrivateZone on one machine, for demos and tests. Read this first.

The API (`http` → `signature` → `quota` → `api` → `zone_operations`, `record_operations` → `rules` → `store`) and the
DNS (`dns` → `message` → `answer` → `vpc_view` → `store`) run in one thread on one SQLite file: what an API call has
changed, the next DNS query sees. The DNS listener is the resolver of one VPC and answers the zones bound to it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. Returns 0, or 2 if the flags and 1 if the machine stand in the way."""
    try:
        asyncio.run(_serve(parse_flags(argv)))
    except ClusterDNSError as error:
        sys.stderr.write(f"privatezone-emulator: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"privatezone-emulator: can't listen: {error}\n")
        return 1
    return 0


async def _serve(flags: Flags) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(flags) as listening:
        sys.stdout.write(f"ready api={_show(listening.api)} dns={_show(listening.dns)}\n")
        sys.stdout.flush()
        await stop.wait()


@asynccontextmanager
async def running(flags: Flags) -> AsyncIterator[Listening]:
    """Open the database, see to the zones, listen; close everything at the end."""
    with closing(Store(flags.database)) as store:
        _ensure_zones(store, flags)
        api = ApiServer(store, flags.key, read_qps=flags.read_qps, write_qps=flags.write_qps, codes=flags.codes)
        dns = DnsServer(VpcView(store, flags.vpc.vpc_id))
        try:
            yield Listening(api=await api.start(*flags.api_listen), dns=await dns.start(*flags.dns_listen))
        finally:
            await api.close()
            await dns.close()


def _ensure_zones(store: Store, flags: Flags) -> None:
    call = Call(store=store, parameters=Parameters({}), now_ms=int(time.time() * 1000), client="privatezone-emulator")
    with store.transaction():
        for zone_name in flags.zones:
            ensure_zone(call, zone_name, flags.vpc)


def _show(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    sys.exit(main())
