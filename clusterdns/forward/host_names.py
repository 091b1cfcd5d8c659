"""Upstreams that are given by the names of hosts: looked up again whenever the addresses may have changed.

The look-ups go past this server, to the node's own resolvers or to those that `resolver` names: asking ourselves would
be a loop. c-ares does it (aiodns): a host's name has to be followed through CNAMEs, and be asked for until somebody
answers, which nothing else here needs. What was found stays in use while it can't be found again, as an upstream
that was there a minute ago is a better guess than none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple, Protocol

from clusterdns.errors import ConfigError
from clusterdns.forward.forwarder import Forwarder
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import FORWARD_LOOK_UP_SECONDS, FORWARD_LOOK_UP_TRIES, FORWARD_NAME_SECONDS

_log = logging.getLogger(__name__)

Addresses = Mapping[str, Sequence[str]]
"""Canonical addresses by the name of the host."""


class LookUpFailure(Exception):
    """There is no answer, or not now; the message says which."""


class Found(NamedTuple):
    """Canonical addresses of one family, none if the host has none, and for how many seconds that holds."""

    addresses: tuple[str, ...]
    seconds: float


class LookUp(Protocol):
    """Asks for the addresses of a host."""

    async def find(self, name: str, record_type: str) -> Found:
        """`record_type` is A or AAAA. Raises LookUpFailure."""

    async def close(self) -> None:
        """Give up what is under way."""


class HostNames:
    """Keeps the upstreams of `forwarder` as the names say. `addresses` is what was found last."""

    def __init__(
        self,
        forwarder: Forwarder,
        names: Sequence[str],
        look_up: LookUp,
        upstreams_of: Callable[[Addresses], Sequence[Upstream]],
    ) -> None:
        """`upstreams_of` gives all upstreams of the forwarder; a ConfigError of it leaves them as they are."""
        self.addresses: dict[str, tuple[str, ...]] = {}
        self._forwarder = forwarder
        self._names = tuple(dict.fromkeys(names))
        self._look_up = look_up
        self._upstreams_of = upstreams_of
        self._failing: set[str] = set()

    async def run(self) -> None:
        """Look up and follow until cancelled."""
        try:
            while True:
                before = dict(self.addresses)
                seconds = await asyncio.gather(*map(self._refresh, self._names))
                if self.addresses != before:
                    self._replace()
                await asyncio.sleep(max(FORWARD_NAME_SECONDS.minimum, min(*seconds, FORWARD_NAME_SECONDS.maximum)))
        finally:
            await self._look_up.close()

    async def _refresh(self, name: str) -> float:
        """Look one name up; returns after how many seconds to do it again."""
        found = await asyncio.gather(
            *(self._look_up.find(name, each) for each in ("A", "AAAA")), return_exceptions=True
        )
        answers = [each for each in found if isinstance(each, Found)]
        failures = [each for each in found if isinstance(each, BaseException)]
        for each in failures:
            if not isinstance(each, LookUpFailure):
                # Ending here would leave the host without addresses for ever.
                _log.error("bug: looking up the upstream %s failed", name, exc_info=each)
        addresses = tuple(sorted({address for answer in answers for address in answer.addresses}))
        if failures:
            # Half an answer takes nothing away: the other family may have what was found before.
            addresses = tuple(sorted({*addresses, *self.addresses.get(name, ())}))
        trouble = (
            (str(failures[0]) or type(failures[0]).__name__) if failures else "" if addresses else "it has no addresses"
        )
        if addresses:
            self.addresses[name] = addresses
        if trouble and name not in self._failing:
            kept = f"going on with {', '.join(addresses)}" if addresses else "tried again"
            _log.warning("the upstream %s is not found: %s; %s", name, trouble, kept)
        (self._failing.add if trouble else self._failing.discard)(name)
        return (
            FORWARD_NAME_SECONDS.minimum if trouble else min(answer.seconds for answer in answers if answer.addresses)
        )

    def _replace(self) -> None:
        try:
            upstreams = self._upstreams_of(self.addresses)
        except ConfigError as error:
            _log.warning("%s; going on with %s", error, ", ".join(map(str, self._forwarder.upstreams)))
            return
        _log.info("forwarding to %s from now on", ", ".join(map(str, upstreams)))
        self._forwarder.replace_upstreams(upstreams)


class CAresLookUp:
    """Asks `servers` (`ADDRESS:PORT`, IPv6 in brackets), or those of the host's resolv.conf if there are none."""

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._servers = list(servers)
        self._resolver: Any = None

    async def find(self, name: str, record_type: str) -> Found:
        # Importing it takes as long as starting half of this program, and few Corefiles name hosts.
        import aiodns

        if self._resolver is None:
            self._resolver = aiodns.DNSResolver(
                nameservers=self._servers or None,
                timeout=FORWARD_LOOK_UP_SECONDS.default,
                tries=FORWARD_LOOK_UP_TRIES.default_int,
            )
        try:
            # With a dot at its end no search list is walked.
            result = await self._resolver.query_dns(f"{name.removesuffix('.')}.", record_type)
        except aiodns.error.DNSError as error:
            if error.args[0] == aiodns.error.ARES_ENODATA:
                return Found((), FORWARD_NAME_SECONDS.maximum)
            raise LookUpFailure(str(error.args[-1])) from error
        addresses, seconds = [], FORWARD_NAME_SECONDS.maximum
        for record in result.answer:
            # CNAMEs stand before the addresses, and their TTLs count, too.
            seconds = min(seconds, record.ttl)
            if text := getattr(record.data, "addr", ""):
                addresses.append(ip_address(text).compressed)
        return Found(tuple(addresses), seconds)

    async def close(self) -> None:
        if self._resolver is not None:
            await self._resolver.close()
