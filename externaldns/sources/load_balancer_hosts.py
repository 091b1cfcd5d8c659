"""The addresses of load balancers that a Service names by host: --resolve-service-load-balancer-hostname.

    Services -> hosts -> DNS (A and AAAA), again when the answer's time is over -> store of `HostAddresses` -> sources

The store is synced once every host of the first list was asked for, or EXTERNALDNS_HOST_WAIT_SECONDS have passed. What
was found stays while DNS does not answer, or knows no addresses: a resolver that is down takes no record away. A host
that was never found is not in the store; the sources then say that its addresses can't be known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from clusterdns.forward.host_names import Found, LookUp, LookUpFailure
from clusterdns.kube.addresses import canonical_address
from clusterdns.kube.objects import HostAddresses, Key, Service
from clusterdns.kube.store import Store
from clusterdns.limits import EXTERNALDNS_HOST_LOOK_UPS, EXTERNALDNS_HOST_SECONDS, EXTERNALDNS_HOST_WAIT_SECONDS

logger = logging.getLogger(__name__)


def hosts_of(service: Service) -> Iterator[str]:
    """Return the hosts among the addresses of a load balancer."""
    if service.type == "LoadBalancer" and not service.external_ips:
        for target in service.load_balancer:
            if canonical_address(target) is None:
                yield target


class ServicesByHost:
    """Follows those `services` that `admits` lets in: which of them have a host.

    `came` and `went` are told of hosts that the first has, and the last has no more.
    """

    def __init__(
        self,
        services: Store[Service],
        admits: Callable[[Service], bool] = lambda service: True,
        came: Callable[[str], None] = lambda host: None,
        went: Callable[[str], None] = lambda host: None,
    ) -> None:
        self._admits = admits
        self._came = came
        self._went = went
        self._services: dict[str, set[Key]] = {}
        services.subscribe(self._changed)

    def services_of(self, host: str) -> tuple[Key, ...]:
        """Return the keys of the Services that have that host."""
        return tuple(self._services.get(host, ()))

    def _changed(self, old: Service | None, new: Service | None) -> None:
        changed = new or old
        if changed is None:
            return
        before, after = self._hosts_of(old), self._hosts_of(new)
        for host in before - after:
            keys = self._services[host]
            keys.discard(changed.key)
            if not keys:
                del self._services[host]
                self._went(host)
        for host in after - before:
            if host not in self._services:
                self._came(host)
            self._services.setdefault(host, set()).add(changed.key)

    def _hosts_of(self, service: Service | None) -> set[str]:
        return set(hosts_of(service)) if service is not None and self._admits(service) else set()


class LoadBalancerHosts:
    """Keeps `found` as DNS has the hosts of those `services` that `admits` lets in."""

    def __init__(
        self,
        services: Store[Service],
        found: Store[HostAddresses],
        look_up: LookUp,
        admits: Callable[[Service], bool] = lambda service: True,
    ) -> None:
        self._services = services
        self._found = found
        self._look_up = look_up
        self._due: dict[str, float] = {}
        """When to ask for a host, seconds of the loop's clock."""
        self._failing: set[str] = set()
        self._news = asyncio.Event()
        ServicesByHost(services, admits, self._came, self._went)

    async def run(self) -> None:
        """Look up and follow until cancelled."""
        try:
            await self._services.wait_synced()
            try:
                async with asyncio.timeout(EXTERNALDNS_HOST_WAIT_SECONDS.default):
                    await self._ask_due()
            except TimeoutError:
                logger.warning("not all hosts of load balancers were found in time; going on without the others")
            self._found.finish(())
            while True:
                await self._ask_due()
                await self._wait()
        finally:
            await self._look_up.close()

    def _came(self, host: str) -> None:
        self._due[host] = 0.0
        self._news.set()

    def _went(self, host: str) -> None:
        del self._due[host]
        self._failing.discard(host)
        self._found.delete(("", host))

    async def _wait(self) -> None:
        """Return when a host is to be asked for."""
        self._news.clear()
        now = asyncio.get_running_loop().time()
        first = min(self._due.values(), default=now + EXTERNALDNS_HOST_SECONDS.default)
        try:
            async with asyncio.timeout(max(0.0, first - now)):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _ask_due(self) -> None:
        """Ask for all hosts that are due, so many at once as is allowed."""
        now = asyncio.get_running_loop().time()
        due = sorted(host for host, at in self._due.items() if at <= now)
        free = asyncio.Semaphore(EXTERNALDNS_HOST_LOOK_UPS.default_int)

        async def ask(host: str) -> None:
            async with free:
                await self._ask(host)

        await asyncio.gather(*map(ask, due))

    async def _ask(self, host: str) -> None:
        answers = await asyncio.gather(
            *(self._look_up.find(host, record_type) for record_type in ("A", "AAAA")), return_exceptions=True
        )
        if host not in self._due:
            return  # nobody wants to know any more
        held = self._found.get("", host)
        addresses: set[str] = set()
        trouble, seconds = "", EXTERNALDNS_HOST_SECONDS.default
        for version, answer in zip((4, 6), answers, strict=True):
            if isinstance(answer, Found):
                addresses |= set(answer.addresses)
                if answer.addresses:
                    seconds = min(seconds, answer.seconds)
                continue
            if not isinstance(answer, LookUpFailure):
                # Ending here would leave all hosts without new addresses.
                logger.error("bug: looking up the host %s failed", host, exc_info=answer)
            trouble = str(answer) or type(answer).__name__
            if held is not None:
                addresses |= {each for each in held.addresses if (":" in each) == (version == 6)}
        if not addresses:
            trouble = trouble or "it has no addresses"
            addresses = set(held.addresses) if held is not None else set()
        if addresses:
            self._found.take(HostAddresses(name=host, addresses=tuple(sorted(addresses))))
        if trouble and host not in self._failing:
            kept = f"{', '.join(sorted(addresses))} stay" if addresses else "records stay as they are"
            logger.warning("the load balancer's host %s is not found: %s; %s", host, trouble, kept)
        (self._failing.add if trouble else self._failing.discard)(host)
        pause = EXTERNALDNS_HOST_SECONDS.minimum if trouble else max(seconds, EXTERNALDNS_HOST_SECONDS.minimum)
        self._due[host] = asyncio.get_running_loop().time() + pause
