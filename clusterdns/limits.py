"""Every limit of the suite in one table: name, default, minimum, maximum, unit and where the number comes from.

A module that needs a number takes it from here, so that an operator's value is checked in one way everywhere
and the reference in docs/ can be made from the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limit:
    """One bounded number. `source` is the RFC, specification or program that the values follow."""

    name: str
    default: int | float
    minimum: int | float
    maximum: int | float
    unit: str
    source: str

    @property
    def default_int(self) -> int:
        """The default, for numbers that count things."""
        return int(self.default)

    def check(self, value: float, *, where: str = "", line: int = 0, column: int = 0) -> float:
        """Return `value` if it lies within the limit, else raise ConfigError naming the range."""
        if self.minimum <= value <= self.maximum:
            return value
        raise ConfigError(
            f"{self.name} is {value:g}, but must be between {self.minimum:g} and {self.maximum:g} {self.unit}",
            source=where,
            line=line,
            column=column,
        )


# Messages.
NAME_BYTES = Limit("name length", 255, 1, 255, "bytes", "RFC 1035 section 3.1")
LABEL_BYTES = Limit("label length", 63, 1, 63, "bytes", "RFC 1035 section 3.1")
UDP_PLAIN_BYTES = Limit("UDP answer without EDNS", 512, 512, 512, "bytes", "RFC 1035 section 4.2.1")
UDP_EDNS_BYTES = Limit("UDP answer with EDNS", 1232, 512, 4096, "bytes", "DNS flag day 2020, CoreDNS bufsize")
TCP_MESSAGE_BYTES = Limit("TCP message", 65535, 12, 65535, "bytes", "RFC 1035 section 4.2.2")
CNAME_CHAIN = Limit("CNAME chain", 10, 1, 10, "records", "CoreDNS kubernetes")

# Packet cache and message cache.
PACKET_CACHE_ENTRIES = Limit("packet cache", 16384, 0, 1048576, "entries", "this project, sized as the kernel map")
PACKET_CACHE_SECONDS = Limit("packet cache lifetime", 30, 1, 3600, "seconds", "this project, cap of the kernel map")
CACHE_ENTRIES = Limit("cache capacity", 9984, 1024, 10485760, "entries", "CoreDNS cache")
CACHE_SUCCESS_SECONDS = Limit("cache success TTL", 3600, 0, 604800, "seconds", "CoreDNS cache, RFC 8767 section 4")
CACHE_DENIAL_SECONDS = Limit("cache denial TTL", 1800, 0, 10800, "seconds", "CoreDNS cache, RFC 2308 section 5")
CACHE_MINIMUM_SECONDS = Limit("cache minimum TTL", 5, 0, 3600, "seconds", "CoreDNS cache")

# Listeners.
UDP_BATCH = Limit("datagrams per wake-up", 64, 1, 4096, "datagrams", "this project, measured")
UDP_QUERY_BYTES = Limit("UDP query", 4096, 512, 65535, "bytes", "RFC 6891 section 6.2.5")
TCP_CONNECTIONS = Limit("TCP connections", 1024, 1, 65536, "connections", "RFC 7766 section 6.1")
TCP_IDLE_SECONDS = Limit("TCP idle timeout", 10, 1, 3600, "seconds", "RFC 7766 section 6.2.3, CoreDNS timeouts")
TCP_PIPELINE = Limit("queries in flight per TCP connection", 256, 1, 65535, "queries", "RFC 7766 section 6.2.1.1")
QUERIES_IN_FLIGHT = Limit("queries in flight", 10000, 1, 1000000, "queries", "this project")

# Upstreams.
UPSTREAMS = Limit("upstreams per forward", 15, 1, 15, "upstreams", "CoreDNS forward")
FORWARD_SECONDS = Limit("forward total", 4.5, 0.1, 30, "seconds", "under the 5 s of resolv.conf(5)")
FORWARD_TRY_SECONDS = Limit("forward try", 2, 0.05, 30, "seconds", "CoreDNS forward read_timeout")
FORWARD_CONNECTIONS = Limit("connections per upstream", 2, 1, 64, "connections", "RFC 7766 section 6.2.2")
FORWARD_IDLE_SECONDS = Limit("upstream connection idle", 10, 1, 3600, "seconds", "CoreDNS forward expire")

# Kubernetes.
KUBERNETES_TTL = Limit("kubernetes ttl", 5, 0, 3600, "seconds", "CoreDNS kubernetes")

# Daemons.
BACKGROUND_RESTART_SECONDS = Limit(
    "pause before a failed background task restarts", 1, 1, 30, "seconds", "this project"
)
