"""The DNS servers' metrics: CoreDNS's names where dashboards know them, ours where there is nothing to compare with.

Every value is a plain count that a handler keeps anyway; this module only gives it a name when somebody scrapes.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from clusterdns.daemon.metrics import Samples, Source, register
from clusterdns.daemon.reload import ReloadCounters
from clusterdns.directives.assemble import Assembly
from clusterdns.directives.dispatch import Dispatcher
from clusterdns.wire import numbers


def register_dns_metrics(registry: CollectorRegistry, running: Callable[[], Assembly]) -> None:
    """Show the counts of every dispatcher, cache, forward and autopath of the assembly that is `running`."""
    register(registry, *_server_sources(running), *_directive_sources(running))


def register_reload_metrics(registry: CollectorRegistry, counters: ReloadCounters) -> None:
    """Show which Corefile runs, and how often a new one was refused."""
    register(
        registry,
        Source(
            "counter",
            "coredns_reload_failed_total",
            "Corefiles that were not taken over because something is wrong with them.",
            (),
            lambda: [((), counters.failures)],
        ),
        Source(
            "gauge",
            "coredns_reload_version_info",
            "Always 1; the label is the digest of the Corefile that runs.",
            ("hash", "value"),
            lambda: [(("sha512", counters.digest), 1.0)],
        ),
    )


def _server_sources(running: Callable[[], Assembly]) -> list[Source]:
    def servers() -> list[tuple[str, Dispatcher]]:
        return [
            (f"dns://[{address}]:{port}" if ":" in address else f"dns://{address}:{port}", dispatcher)
            for (address, port), dispatcher in running().dispatchers.items()
        ]

    def requests() -> Samples:
        for server, dispatcher in servers():
            for (transport, qtype), count in list(dispatcher.counters.requests.items()):
                yield (server, transport, numbers.type_name(qtype)), count

    def responses() -> Samples:
        for server, dispatcher in servers():
            for (source, rcode), count in list(dispatcher.counters.responses.items()):
                yield (server, numbers.rcode_name(rcode), source), count

    return [
        Source(
            "counter",
            "coredns_dns_requests_total",
            "Questions that were not answered from the packet cache, by transport and type.",
            ("server", "proto", "type"),
            requests,
        ),
        Source(
            "counter",
            "coredns_dns_responses_total",
            "Answers to those questions, by rcode and by the directive that answered.",
            ("server", "rcode", "plugin"),
            responses,
        ),
        Source(
            "counter",
            "coredns_panics_total",
            "Questions answered SERVFAIL because of a fault of our own.",
            (),
            lambda: [((), sum(dispatcher.counters.panics for _, dispatcher in servers()))],
        ),
        Source(
            "counter",
            "clusterdns_packet_cache_hits_total",
            "Queries answered from the packet cache, in front of everything else.",
            ("server",),
            lambda: [((server,), dispatcher.counters.packet_cache_hits) for server, dispatcher in servers()],
        ),
        Source(
            "gauge",
            "clusterdns_packet_cache_entries",
            "Entries of the packet cache.",
            ("server",),
            lambda: [((server,), len(dispatcher.packets)) for server, dispatcher in servers()],
        ),
        Source(
            "counter",
            "clusterdns_malformed_messages_total",
            "Messages that were no DNS query: answered FORMERR, or not at all.",
            ("server",),
            lambda: [((server,), dispatcher.counters.malformed) for server, dispatcher in servers()],
        ),
    ]


def _directive_sources(running: Callable[[], Assembly]) -> list[Source]:
    def hits() -> Samples:
        for zone, messages in running().parts.caches:
            yield (zone, "success"), messages.counters.success_hits
            yield (zone, "denial"), messages.counters.denial_hits

    def entries() -> Samples:
        for zone, messages in running().parts.caches:
            yield (zone, "success"), messages.success_entries
            yield (zone, "denial"), messages.denial_entries

    return [
        Source("counter", "coredns_cache_hits_total", "Message cache hits.", ("zones", "type"), hits),
        Source("gauge", "coredns_cache_entries", "Message cache entries.", ("zones", "type"), entries),
        Source(
            "counter",
            "coredns_cache_misses_total",
            "Message cache misses.",
            ("zones",),
            lambda: [((zone,), messages.counters.misses) for zone, messages in running().parts.caches],
        ),
        Source(
            "counter",
            "coredns_cache_evictions_total",
            "Message cache entries that made room for others.",
            ("zones",),
            lambda: [((zone,), messages.counters.evictions) for zone, messages in running().parts.caches],
        ),
        Source(
            "counter",
            "coredns_autopath_success_total",
            "Search walks that found a name, at their first step or later.",
            ("zones",),
            lambda: [((zone,), autopath.counters.successes) for zone, autopath in running().parts.autopaths],
        ),
        Source(
            "counter",
            "clusterdns_autopath_queries_saved_total",
            "Questions that clients did not have to ask because the server walked their search list.",
            ("zones",),
            lambda: [((zone,), autopath.counters.queries_saved) for zone, autopath in running().parts.autopaths],
        ),
    ]
