"""What the oracle is told and what it says: options, expected answers, and the spellings of addresses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

ZONE = "cluster.local."
SET = "clusterset.local."
REVERSE = ("in-addr.arpa.", "ip6.arpa.")

Record = tuple[str, str, str]
"""Owner, type and rdata."""
Pair = tuple[str, str, "int | None"]
"""An SRV record's target, one of its addresses, and the port."""


@dataclass(frozen=True)
class Options:
    """The options of `kubernetes` that change answers."""

    pods: str = "disabled"
    endpoint_pod_names: bool = False
    ttl: int = 5
    noendpoints: bool = False
    ignore_empty_service: bool = False
    namespaces: tuple[str, ...] = ()
    zonal: bool = False
    fallthrough: tuple[str, ...] | None = None

    def lines(self) -> str:
        """As a Corefile writes them."""
        found = [f"pods {self.pods}", f"ttl {self.ttl}", "multicluster clusterset.local"]
        found += ["endpoint_pod_names"] * self.endpoint_pod_names + ["noendpoints"] * self.noendpoints
        found += ["ignore empty_service"] * self.ignore_empty_service + ["zonal"] * self.zonal
        found += [f"namespaces {' '.join(self.namespaces)}"] if self.namespaces else []
        found += [f"fallthrough {' '.join(self.fallthrough)}"] if self.fallthrough is not None else []
        return "\n".join(found)


@dataclass
class Expected:
    """What must be answered. Records are `(owner, type, rdata)`; `soa` is the zone whose SOA stands in authority.

    With `elsewhere` the question belongs to the next directive.
    """

    rcode: str = "NOERROR"
    answer: set[Record] = field(default_factory=set)
    additional: set[Record] = field(default_factory=set)
    soa: str = ""
    elsewhere: bool = False


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def family(address: str) -> str:
    return "AAAA" if ":" in address else "A"


def pointer(address: str) -> str:
    return f"{ipaddress.ip_address(address).reverse_pointer}."
