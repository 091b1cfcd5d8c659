"""The DNS servers' metrics: CoreDNS's names where dashboards know them, ours where there is nothing to compare with.

Every value is a plain count that is kept anyway; this module only gives it a name when somebody scrapes. Names, labels
and buckets: CoreDNS's README of `prometheus`, `health` and `reload`.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry

from clusterdns import __version__
from clusterdns.daemon.directive_metrics import directive_sources
from clusterdns.daemon.forward_metrics import forward_sources
from clusterdns.daemon.metrics import Distributions, Samples, Source, register
from clusterdns.daemon.notifier import Results
from clusterdns.daemon.reload import ReloadCounters
from clusterdns.daemon.self_check import SelfCheck
from clusterdns.directives.assemble import Assembly
from clusterdns.directives.config.server import ServerConfig
from clusterdns.directives.dispatch import DROPPED, Dispatcher
from clusterdns.directives.parts import Place, server_label
from clusterdns.directives.traffic import SIZES, Exchange, type_label
from clusterdns.histogram import Histogram
from clusterdns.listen.tcp import TcpListener
from clusterdns.listen.udp import UdpListener
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text, name_to_text

T = TypeVar("T")
Listeners = tuple[UdpListener, TcpListener]

VIEW = ""
"""CoreDNS's label for the `view` directive, which there is none of here."""


def register_dns_metrics(
    registry: CollectorRegistry, running: Callable[[], Assembly], servers: Callable[[], Sequence[ServerConfig]]
) -> None:
    """Show the counts of every dispatcher and directive of the assembly that is `running`, made from `servers`."""
    register(registry, *_server_sources(running, servers), *directive_sources(running), *forward_sources(running))


def register_listener_metrics(registry: CollectorRegistry, listeners: Callable[[], Mapping[Place, Listeners]]) -> None:
    """Show what the sockets count."""

    def udp(value: Callable[[UdpListener], int]) -> Samples:
        return _by_server(listeners().items(), lambda pair: value(pair[0]))

    def tcp(value: Callable[[TcpListener], int]) -> Samples:
        return _by_server(listeners().items(), lambda pair: value(pair[1]))

    register(
        registry,
        Source(
            "counter",
            "clusterdns_udp_answers_dropped_total",
            "Answers that a UDP socket would not take.",
            ("server",),
            lambda: udp(lambda listener: listener.counters.dropped_answers),
        ),
        Source(
            "gauge",
            "clusterdns_tcp_connections",
            "Open connections of clients.",
            ("server",),
            lambda: tcp(lambda listener: listener.connections),
        ),
        Source(
            "counter",
            "clusterdns_tcp_connections_accepted_total",
            "Connections of clients.",
            ("server",),
            lambda: tcp(lambda listener: listener.counters.accepted),
        ),
        Source(
            "counter",
            "clusterdns_tcp_connections_refused_total",
            "Connections closed at once because there were too many.",
            ("server",),
            lambda: tcp(lambda listener: listener.counters.refused),
        ),
        Source(
            "counter",
            "clusterdns_tcp_connections_idle_closed_total",
            "Connections closed because nothing came, or was read, for too long.",
            ("server",),
            lambda: tcp(lambda listener: listener.counters.idle_closed),
        ),
    )


def register_health_metrics(registry: CollectorRegistry, check: SelfCheck) -> None:
    """Show how the server's questions to itself went."""
    register(
        registry,
        Source(
            "histogram",
            "coredns_health_request_duration_seconds",
            "How long this server took to answer itself.",
            (),
            lambda: [((), check.durations)],
        ),
        Source(
            "counter",
            "coredns_health_request_failures_total",
            "How often this server did not answer itself.",
            (),
            lambda: [((), check.failures)],
        ),
    )


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


def register_notify_metrics(registry: CollectorRegistry, results: Results) -> None:
    """Show what became of telling secondaries that zones have changed."""
    register(
        registry,
        Source(
            "counter",
            "clusterdns_transfer_notifies_total",
            "NOTIFY to the addresses of `transfer`: `acknowledged`, `refused`, or `unanswered` however often sent.",
            ("zone", "result"),
            results.items,
        ),
    )


def _server_sources(running: Callable[[], Assembly], servers: Callable[[], Sequence[ServerConfig]]) -> list[Source]:
    build = (__version__, "", f"python{platform.python_version()}")

    def dispatchers() -> Iterable[tuple[Place, Dispatcher]]:
        return running().dispatchers.items()

    def durations() -> Distributions:
        found: dict[tuple[str, ...], Histogram] = {}
        for place, dispatcher in dispatchers():
            for zone, histogram in dispatcher.traffic.durations.items():
                _sum(found, (server_label(place), _zone(zone), VIEW)).merge(histogram)
            for exchange, tally in dispatcher.traffic.exchanges():
                # A few microseconds, which is no time in these buckets.
                _sum(found, (server_label(place), _zone(exchange.zone), VIEW)).add(0.0, tally.hits)
        return found.items()

    def sizes(of: Callable[[Exchange], int]) -> Distributions:
        found: dict[tuple[str, ...], Histogram] = {}
        for place, exchange, count in _exchanges(running()):
            labels = (server_label(place), _zone(exchange.zone), VIEW, exchange.transport)
            _sum(found, labels, SIZES).add(of(exchange), count)
        return found.items()

    def exchanges(label: Callable[[Place, Exchange], tuple[str, ...]]) -> Samples:
        found: Counter[tuple[str, ...]] = Counter()
        for place, exchange, count in _exchanges(running()):
            found[(server_label(place), _zone(exchange.zone), VIEW, *label(place, exchange))] += count
        return found.items()

    def plugins() -> Samples:
        for place, dispatcher in dispatchers():
            for server in servers():
                if place[0] in (server.addresses or place):
                    for zone in {name_from_text(key.zone) for key in server.keys if key.port == place[1]}:
                        if zone in dispatcher.zones:
                            for name in server.directives:
                                yield (server_label(place), _zone(zone), VIEW, name), 1.0

    return [
        Source(
            "gauge",
            "coredns_build_info",
            "Always 1; the labels say what runs.",
            ("version", "revision", "goversion"),
            lambda: [(build, 1.0)],
        ),
        Source(
            "gauge",
            "coredns_plugin_enabled",
            "Always 1; the labels are a server block and a directive of it.",
            ("server", "zone", "view", "name"),
            plugins,
        ),
        Source(
            "counter",
            "coredns_dns_requests_total",
            "Questions that were answered, also from the packet cache; the zone is `dropped` for those not for us.",
            ("server", "zone", "view", "proto", "family", "type"),
            lambda: exchanges(lambda place, exchange: (exchange.transport, _family(place), type_label(exchange.qtype))),
        ),
        Source(
            "counter",
            "coredns_dns_do_requests_total",
            "Those of them with the DO bit.",
            ("server", "zone", "view"),
            lambda: [(labels[:3], count) for labels, count in exchanges(_do_bit) if labels[3]],
        ),
        Source(
            "counter",
            "coredns_dns_responses_total",
            "Answers by rcode and by the directive that answered; empty for the server itself.",
            ("server", "zone", "view", "rcode", "plugin"),
            lambda: exchanges(lambda _, exchange: (numbers.rcode_name(exchange.rcode), exchange.source)),
        ),
        Source(
            "histogram",
            "coredns_dns_request_duration_seconds",
            "From a question to its answer.",
            ("server", "zone", "view"),
            durations,
        ),
        Source(
            "histogram",
            "coredns_dns_request_size_bytes",
            "Sizes of questions.",
            ("server", "zone", "view", "proto"),
            lambda: sizes(lambda exchange: exchange.query_bytes),
        ),
        Source(
            "histogram",
            "coredns_dns_response_size_bytes",
            "Sizes of answers.",
            ("server", "zone", "view", "proto"),
            lambda: sizes(lambda exchange: exchange.answer_bytes),
        ),
        Source(
            "counter",
            "coredns_panics_total",
            "Questions answered SERVFAIL because of a fault of our own.",
            (),
            lambda: [((), sum(dispatcher.traffic.panics for _, dispatcher in dispatchers()))],
        ),
        Source(
            "counter",
            "clusterdns_packet_cache_hits_total",
            "Queries answered from the packet cache, in front of everything else.",
            ("server",),
            lambda: _by_server(dispatchers(), lambda dispatcher: dispatcher.traffic.packet_cache_hits),
        ),
        Source(
            "gauge",
            "clusterdns_packet_cache_entries",
            "Entries of the packet cache.",
            ("server",),
            lambda: _by_server(dispatchers(), lambda dispatcher: len(dispatcher.packets)),
        ),
        Source(
            "counter",
            "clusterdns_malformed_messages_total",
            "Messages that were no DNS query: answered FORMERR, or not at all.",
            ("server",),
            lambda: _by_server(dispatchers(), lambda dispatcher: dispatcher.traffic.malformed),
        ),
    ]


def _exchanges(assembly: Assembly) -> Iterator[tuple[Place, Exchange, int]]:
    """Every kind of exchange with the number of its answers; those that have not been are left out."""
    for place, dispatcher in assembly.dispatchers.items():
        for exchange, tally in dispatcher.traffic.exchanges():
            if count := tally.answers + tally.hits:
                yield place, exchange, count


def _by_server(counted: Iterable[tuple[Place, T]], value: Callable[[T], int]) -> Samples:
    # Both wildcard addresses have one label.
    found: Counter[tuple[str, ...]] = Counter()
    for place, each in counted:
        found[server_label(place),] += value(each)
    return found.items()


def _sum(found: dict[tuple[str, ...], Histogram], labels: tuple[str, ...], *bounds: Sequence[float]) -> Histogram:
    if labels not in found:
        found[labels] = Histogram(*bounds)
    return found[labels]


def _do_bit(_: Place, exchange: Exchange) -> tuple[str, ...]:
    return ("do" if exchange.dnssec_ok else "",)


def _zone(zone: bytes) -> str:
    return "dropped" if zone == DROPPED else name_to_text(zone)


def _family(place: Place) -> str:
    """ "1 = IP (IP version 4), 2 = IP6 (IP version 6)": a socket of ours has one of both."""
    return "2" if ":" in place[0] else "1"
