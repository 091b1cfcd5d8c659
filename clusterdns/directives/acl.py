"""The `acl` directive: who may ask for what, by zone, type and the sender's network.

It stands behind autopath, whose walk it sees name by name, and in front of the cache. The packet cache stands in front
of both: so an answer that some senders would not have got, as far as the policies tell, is for its sender alone (its
view is the client), and what was refused is never repeated. Where no network decides, answers stay for everyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Protocol

from clusterdns.directives.chain import Counting, Handler, Reply, Request, client_view, reply_with
from clusterdns.directives.config.acl import Action, Config, Policy
from clusterdns.errors import ClusterDNSError
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_from_text, name_to_text


class Dropped(ClusterDNSError):
    """The query is to be met with silence: nothing is sent, now or later."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One `acl` of the server block. `zones` are folded wire names."""

    zones: tuple[bytes, ...]
    policies: tuple[Policy, ...]


class Zoned(Counting, Protocol):
    """Of a `Site`: the zones of the server block."""

    @property
    def zones(self) -> tuple[bytes, ...]: ...


def make(config: Config, site: Zoned, following: Handler) -> Handler:
    """The handler of one `acl`; see `clusterdns.directives.assemble.Maker`.

    The rules of a block are one list, as an `allow` ends it: the handler of the next `acl` is taken into this one.
    """
    rule = Rule(tuple(map(name_from_text, config.zones)) or site.zones, config.policies)
    behind = getattr(following, "__self__", None)
    if isinstance(behind, Acl):
        return Acl((rule, *behind.rules), behind.following, site).handle
    return Acl((rule,), following, site).handle


class Acl:
    """The handler of all `acl` directives of a server block."""

    def __init__(self, rules: Sequence[Rule], following: Handler, site: Counting) -> None:
        self.rules = tuple(rules)
        self.following = following
        self._site = site

    async def handle(self, request: Request) -> Reply:
        action, by_network, zone = self._decide(request)
        self._site.count(f"acl {action}", *(() if action == "allow" else (name_to_text(zone),)))
        if action == "drop":
            raise Dropped(f"acl: the query of {request.client} is dropped")
        if action == "allow":
            reply = await self.following(request)
        else:
            rcode = numbers.REFUSED if action == "block" else numbers.NOERROR
            reply = reply_with(request, "acl", rcode=rcode, cacheable=False)
        return replace(reply, view=client_view(request.client)) if by_network else reply

    def _decide(self, request: Request) -> tuple[Action, bool, bytes]:
        """What to do, whether the sender's network was looked at, and the zone of the rule.

        Whether it was looked at is the same for all senders of a query.
        """
        query = request.query
        address = None
        for rule in self.rules:
            zone = next((zone for zone in rule.zones if is_at_or_below(query.folded, zone)), None)
            if zone is None:
                continue
            for policy in rule.policies:
                if policy.types is not None and query.qtype not in policy.types:
                    continue
                if policy.networks is None:
                    return policy.action, address is not None, zone
                address = address or ip_address(request.client)
                if any(address in network for network in policy.networks):
                    return policy.action, True, zone
        return "allow", address is not None, b""
