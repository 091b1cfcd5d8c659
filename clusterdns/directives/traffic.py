"""What a server was asked and what it said, counted as plain integers and made into metrics when somebody scrapes.

An answer adds one to one `Tally`: that of its `Exchange`, everything that any metric tells answers apart by. An entry
of the packet cache keeps its tally at hand, so that a hit costs one addition, as much as the simplest counter would.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

import dnslib

from clusterdns.cache.packet_cache import Tally
from clusterdns.histogram import Histogram
from clusterdns.limits import EXCHANGES, TCP_MESSAGE_BYTES
from clusterdns.wire import numbers

SIZES = (0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16000, 32000, 48000, 64000)
"""CoreDNS's buckets for the sizes of messages, in bytes."""

OTHER_TYPE = 0
"""A client can ask for 65,536 types; one that does must not make as many series of a metric."""

# "It holds most common types … and "other" which lumps together all other types" (CoreDNS prometheus).
_NAMED_TYPES = frozenset(
    dnslib.QTYPE.reverse[name]
    for name in (
        "A", "AAAA", "MX", "SOA", "CNAME", "PTR", "TXT", "NS", "SRV", "DS", "DNSKEY", "RRSIG", "NSEC", "NSEC3",
        "HTTPS", "IXFR", "AXFR", "ANY"
    )
)  # fmt: skip


def type_label(qtype: int) -> str:
    """A type as metrics name it."""
    return numbers.type_name(qtype) if qtype in _NAMED_TYPES else "other"


class Exchange(NamedTuple):
    """A question and its answer, as far as metrics tell them apart.

    `zone` is that of the server block that was asked (folded wire), empty for what none was asked; `source` the
    directive that answered, empty for the server itself; `query_bytes` and `answer_bytes` are sizes of messages.
    """

    zone: bytes
    transport: str
    qtype: int
    dnssec_ok: bool
    rcode: int
    source: str
    is_denial: bool
    query_bytes: int
    answer_bytes: int


Key = tuple[bytes, str, int, bool, int, str, bool, int, int]
"""What an Exchange holds. Making a plain tuple takes a third of the time."""


class Traffic:
    """The counts of one server."""

    def __init__(self) -> None:
        self.durations: dict[bytes, Histogram] = {}
        """Seconds from a question to its answer, by zone; hits of the packet cache, which take none, are not there."""
        self.malformed = 0
        self.panics = 0
        self._tallies: dict[Key, Tally] = {}

    @property
    def packet_cache_hits(self) -> int:
        return sum(tally.hits for tally in self._tallies.values())

    def exchanges(self) -> Iterator[tuple[Exchange, Tally]]:
        """Every kind of exchange that there was, or may yet be from the packet cache."""
        for key, tally in list(self._tallies.items()):
            yield Exchange._make(key), tally

    def tally(self, key: Key) -> Tally:
        """The tally of one exchange."""
        return self._tallies.get(key) or self._new_tally(Exchange._make(key))

    def _new_tally(self, exchange: Exchange) -> Tally:
        if exchange.qtype not in _NAMED_TYPES:
            exchange = exchange._replace(qtype=OTHER_TYPE)
        if len(self._tallies) >= EXCHANGES.default:
            # Somebody asks in every size that there is: the sums of sizes become coarse, the buckets stay right.
            query_bytes, answer_bytes = _rounded(exchange.query_bytes), _rounded(exchange.answer_bytes)
            exchange = exchange._replace(query_bytes=query_bytes, answer_bytes=answer_bytes)
        return self._tallies.setdefault(exchange, Tally())

    def count_seconds(self, zone: bytes, seconds: float) -> None:
        """One answer from behind the packet cache was there after `seconds`."""
        durations = self.durations.get(zone)
        if durations is None:
            durations = self.durations[zone] = Histogram()
        durations.add(seconds)


def _rounded(size: int) -> int:
    """The upper bound of the bucket that `size` is in."""
    number = bisect_left(SIZES, size)
    return SIZES[number] if number < len(SIZES) else TCP_MESSAGE_BYTES.default_int
