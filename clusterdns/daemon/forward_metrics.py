"""What forwards count of their upstreams, under CoreDNS's names of `forward` and of its proxies, and ours for the rest.

Forwards of several server blocks that ask one upstream are one series, as in CoreDNS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from clusterdns.daemon.metrics import Distributions, Samples, Source
from clusterdns.directives.assemble import Assembly
from clusterdns.forward.counters import UpstreamCounters
from clusterdns.forward.forwarder import Forwarder
from clusterdns.forward.upstreams import Upstream
from clusterdns.histogram import Histogram
from clusterdns.wire import numbers

_PROXY = "forward"
"""CoreDNS has other directives with proxies."""


def forward_sources(running: Callable[[], Assembly]) -> list[Source]:
    """The sources of every forward of the assembly that is `running`."""

    def upstreams() -> Iterator[tuple[Upstream, UpstreamCounters]]:
        for _, forwarder in running().parts.forwards:
            yield from zip(forwarder.upstreams, forwarder.counters, strict=True)

    def whole(value: Callable[[Forwarder], int]) -> Samples:
        return [((), sum(value(forwarder) for _, forwarder in running().parts.forwards))]

    def each(value: Callable[[UpstreamCounters], int]) -> Samples:
        found: Counter[tuple[str, ...]] = Counter()
        for upstream, counters in upstreams():
            found[str(upstream),] += value(counters)
        return found.items()

    def connections(udp: Callable[[UpstreamCounters], int], tcp: Callable[[UpstreamCounters], int]) -> Samples:
        found: Counter[tuple[str, ...]] = Counter()
        for upstream, counters in upstreams():
            stream = "tcp-tls" if upstream.tls else "tcp"
            found[_PROXY, str(upstream), stream] += tcp(counters)
            if not upstream.tls:
                found[_PROXY, str(upstream), "udp"] += udp(counters)
        return found.items()

    def durations() -> Distributions:
        found: dict[tuple[str, ...], Histogram] = {}
        for upstream, counters in upstreams():
            for rcode, answers in counters.durations.items():
                labels = (_PROXY, str(upstream), numbers.rcode_name(rcode))
                found.setdefault(labels, Histogram()).merge(answers)
        return found.items()

    def down() -> Samples:
        # Down for one of the forwards that ask it is down.
        found: dict[tuple[str, ...], float] = {}
        for _, forwarder in running().parts.forwards:
            for upstream in forwarder.upstreams:
                found[str(upstream),] = max(found.get((str(upstream),), 0.0), float(forwarder.is_down(upstream)))
        return found.items()

    def ours(name: str, help: str, value: Callable[[UpstreamCounters], int]) -> Source:
        return Source("counter", f"clusterdns_forward_{name}_total", help, ("to",), lambda: each(value))

    proxy = ("proxy_name", "to")
    return [
        Source(
            "counter",
            "coredns_forward_healthcheck_broken_total",
            "Questions that came while all upstreams were down.",
            (),
            lambda: whole(lambda forwarder: forwarder.all_down),
        ),
        Source(
            "counter",
            "coredns_forward_max_concurrent_rejects_total",
            "Questions refused because too many were under way.",
            (),
            lambda: whole(lambda forwarder: forwarder.rejected),
        ),
        Source(
            "histogram",
            "coredns_proxy_request_duration_seconds",
            "From sending a message to an upstream to its answer.",
            (*proxy, "rcode"),
            durations,
        ),
        Source(
            "counter",
            "coredns_proxy_healthcheck_failures_total",
            "Health checks without an answer.",
            proxy,
            lambda: [((_PROXY, *to), count) for to, count in each(lambda counters: counters.check_failures)],
        ),
        Source(
            "counter",
            "coredns_proxy_conn_cache_hits_total",
            "Messages that found an open connection, or socket.",
            (*proxy, "proto"),
            lambda: connections(lambda counters: counters.udp_hits, lambda counters: counters.tcp_hits),
        ),
        Source(
            "counter",
            "coredns_proxy_conn_cache_misses_total",
            "Messages for which one had to be opened.",
            (*proxy, "proto"),
            lambda: connections(lambda counters: counters.udp_misses, lambda counters: counters.tcp_misses),
        ),
        Source(
            "gauge",
            "clusterdns_forward_queries_in_flight",
            "Questions that wait for an upstream.",
            (),
            lambda: whole(lambda forwarder: forwarder.in_flight),
        ),
        Source(
            "gauge",
            "clusterdns_forward_upstream_down",
            "1 for an upstream that failed as many health checks as make it down, otherwise 0.",
            ("to",),
            down,
        ),
        ours("requests", "Messages sent to an upstream, or tried to.", lambda counters: counters.requests),
        ours("failures", "Tries that ended by the upstream's fault.", lambda counters: counters.failures),
        ours("hedges", "Second messages, sent because an answer was slow.", lambda counters: counters.hedges),
        ours("hedges_won", "How many of those were answered first.", lambda counters: counters.hedges_won),
        ours("late_answers", "Answers that nobody waited for any more.", lambda counters: counters.late),
        ours("unasked_answers", "Messages that answer nothing that was sent.", lambda counters: counters.unasked),
        ours(
            "connections_opened",
            "Connections opened to an upstream.",
            lambda counters: counters.connections_opened,
        ),
    ]
