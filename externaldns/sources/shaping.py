"""What becomes of an endpoint between its source and the plan. Pure.

    default targets -> A records behind NAT64 -> target networks -> least TTL -> PTR records

Flags: --default-targets, --force-default-targets, --nat64-networks, --target-net-filter, --exclude-target-net,
--min-ttl and --create-ptr (for one object: the annotation `record-type`, which stands above the flag). The order is
ExternalDNS's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from externaldns.record import CHOSEN_LABEL, PTR_LABEL, UNRESOLVED_LABEL, Endpoint, find_fault, suitable_type

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_POINTING_TYPES = ("", "A", "AAAA", "CNAME")
"""The types of records that a default target can stand in; which of them it becomes, the target decides."""


@dataclass(frozen=True, slots=True)
class Shaping:
    """The flags of the same names; `min_ttl` in seconds, 0 for no minimum."""

    target_networks: tuple[Network, ...] = ()
    excluded_networks: tuple[Network, ...] = ()
    create_ptr: bool = False
    min_ttl: int = 0
    nat64_networks: tuple[ipaddress.IPv6Network, ...] = ()
    default_targets: tuple[str, ...] = ()
    force_default_targets: bool = False

    def shape(self, endpoints: Iterable[Endpoint]) -> Iterator[Endpoint]:
        """Yield what is left of `endpoints`, and what comes to them. One without targets asks for nothing."""
        for given in endpoints:
            for wanted in self._targeted(given):
                for endpoint in (wanted, *self._translated(wanted)):
                    targets = tuple(target for target in endpoint.targets if self._admits(endpoint, target))
                    if not targets:
                        continue
                    endpoint = replace(endpoint, targets=targets)
                    for each in (endpoint, *(_pointers(endpoint) if self._points_back(endpoint) else ())):
                        yield replace(each, ttl=max(each.ttl or 0, self.min_ttl)) if self.min_ttl else each

    def _targeted(self, endpoint: Endpoint) -> Iterator[Endpoint]:
        """Give `endpoint` the default targets, where they stand above its own: a record of each type they make."""
        chosen = CHOSEN_LABEL in endpoint.labels
        if chosen:
            labels = {name: value for name, value in endpoint.labels.items() if name != CHOSEN_LABEL}
            endpoint = replace(endpoint, labels=labels)
        wins = not endpoint.targets or (self.force_default_targets and not chosen)
        if not (self.default_targets and wins and endpoint.record_type in _POINTING_TYPES):
            yield endpoint
            return
        labels = {name: value for name, value in endpoint.labels.items() if name != UNRESOLVED_LABEL}
        by_type: dict[str, list[str]] = {}
        for target in self.default_targets:
            by_type.setdefault(suitable_type(target), []).append(target)
        for record_type, targets in sorted(by_type.items()):
            yield replace(endpoint, record_type=record_type, targets=tuple(sorted(targets)), labels=labels)

    def _translated(self, endpoint: Endpoint) -> Iterator[Endpoint]:
        """Return the A record of the IPv4 addresses that NAT64 has behind the targets of an AAAA record.

        RFC 6052 section 2.2: with a prefix of 96 bits the IPv4 address is the last 32.
        """
        if endpoint.record_type != "AAAA" or not self.nat64_networks:
            return
        found: set[str] = set()
        for target in endpoint.targets:
            try:
                address = ipaddress.IPv6Address(target)
            except ValueError:
                continue  # said when the record itself is checked
            if any(address in network for network in self.nat64_networks):
                found.add(str(ipaddress.IPv4Address(address.packed[12:])))
        if found:
            yield replace(endpoint, record_type="A", targets=tuple(sorted(found)))

    def _admits(self, endpoint: Endpoint, target: str) -> bool:
        """Tell whether the networks let `target` through; a name is in no network. A mistake is for others to tell."""
        if not (self.target_networks or self.excluded_networks):
            return True
        try:
            address = ipaddress.ip_address(target)
        except ValueError:
            return not self.target_networks or find_fault(replace(endpoint, targets=(target,))) is not None
        if any(address in network for network in self.excluded_networks):
            return False
        return not self.target_networks or any(address in network for network in self.target_networks)

    def _points_back(self, endpoint: Endpoint) -> bool:
        asked = endpoint.labels.get(PTR_LABEL)
        return self.create_ptr if asked is None else asked == "true"


def read_nat64_network(text: str) -> ipaddress.IPv6Network:
    """Return the network of the flag; ValueError for one of another size: ExternalDNS takes /96 only."""
    network = ipaddress.IPv6Network(text)
    if network.prefixlen != 96:
        raise ValueError(f"{text!r} is no /96: write the network whose last 32 bits are the IPv4 address")
    return network


def _pointers(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Return the PTR records of an A or AAAA record. A wildcard has no name that an address could point back to."""
    if endpoint.record_type in ("A", "AAAA") and not endpoint.dns_name.startswith("*."):
        for target in endpoint.targets:
            try:
                name = ipaddress.ip_address(target).reverse_pointer
            except ValueError:
                continue  # said when the record itself is checked
            yield replace(
                endpoint, dns_name=name, targets=(endpoint.dns_name,), record_type="PTR", provider_specific={}
            )
