"""What becomes of an endpoint between its source and the plan: target networks, PTR records, least TTL. Pure.

Flags: --target-net-filter, --exclude-target-net, --create-ptr (for one object: the annotation `record-type: ptr`) and
--min-ttl. The order is ExternalDNS's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from externaldns.record import PTR_LABEL, Endpoint

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Shaping:
    """The flags of the same names; `min_ttl` in seconds, 0 for no minimum."""

    target_networks: tuple[Network, ...] = ()
    excluded_networks: tuple[Network, ...] = ()
    create_ptr: bool = False
    min_ttl: int = 0

    def shape(self, endpoints: Iterable[Endpoint]) -> Iterator[Endpoint]:
        """Yield what is left of `endpoints`, and what comes to them."""
        for endpoint in endpoints:
            targets = tuple(target for target in endpoint.targets if self._admits(target))
            if not targets and endpoint.targets:
                continue
            endpoint = replace(endpoint, targets=targets)
            points_back = self.create_ptr or PTR_LABEL in endpoint.labels
            for each in (endpoint, *(_pointers(endpoint) if points_back else ())):
                yield replace(each, ttl=max(each.ttl or 0, self.min_ttl)) if self.min_ttl else each

    def _admits(self, target: str) -> bool:
        """Tell whether the networks let `target` through; a name is in no network."""
        try:
            address = ipaddress.ip_address(target)
        except ValueError:
            return not self.target_networks
        if any(address in network for network in self.excluded_networks):
            return False
        return not self.target_networks or any(address in network for network in self.target_networks)


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
