"""What directives count, under CoreDNS's names: `cache`, `hosts`, `autopath`, `acl`, `dns64`, `local`, `template`.

A hit of the packet cache is a hit of the `cache` directive, too, which has let the answer in: without those, hit ratios
on dashboards would be of what little gets past it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from clusterdns.cache.message_cache import CacheCounters, MessageCache
from clusterdns.daemon.metrics import Samples, Source
from clusterdns.directives.assemble import Assembly
from clusterdns.directives.autopath import AutopathCounters
from clusterdns.directives.parts import Block, server_label

_CACHE = ("server", "zones", "view")
_CACHE_TYPES = ("server", "type", "zones", "view")

_ZONE = ("server", "view", "zone")
_TEMPLATE = (*_ZONE, "class", "type")
_ONE_TEMPLATE = (*_TEMPLATE, "section", "template")
# What happens in a directive, its metric, what that says, and its labels; those behind `view` are the directive's own.
# What the packet cache repeats has happened once.
_EVENTS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("acl allow", "acl_allowed_requests", "Questions that acl let pass, without repeats.", _ZONE[:2]),
    ("acl block", "acl_blocked_requests", "Questions that acl answered REFUSED.", _ZONE),
    ("acl filter", "acl_filtered_requests", "Questions that acl answered without records.", _ZONE),
    ("acl drop", "acl_dropped_requests", "Questions that acl did not answer.", _ZONE),
    ("dns64 translated", "dns64_requests_translated", "Answers made of IPv4 addresses, without repeats.", _ZONE[:1]),
    ("localhost prefix", "local_localhost_requests", "Names of localhost in a domain, without repeats.", ()),
    ("template matched", "template_matches", "Questions that a template answered, without repeats.", _TEMPLATE),
    ("template failed", "template_template_failures", "Templates that came to nothing.", _ONE_TEMPLATE),
    ("template no record", "template_rr_failures", "Templates that came to no record.", _ONE_TEMPLATE),
)


_PLAIN: dict[str, Callable[[AutopathCounters], int]] = {
    "off": lambda counters: counters.off,
    "unknown_client": lambda counters: counters.unknown,
    "hold_down": lambda counters: counters.held,
    "not_first_domain": lambda counters: counters.not_first,
    "given_up": lambda counters: counters.given_up,
}


def directive_sources(running: Callable[[], Assembly]) -> list[Source]:
    """The sources of every directive of the assembly that is `running`."""
    return [
        *_cache_sources(running),
        *_hosts_sources(running),
        *_autopath_sources(running),
        *(_event_source(running, *event) for event in _EVENTS),
    ]


def _cache_sources(running: Callable[[], Assembly]) -> list[Source]:
    def counts(value: Callable[[CacheCounters], int]) -> Samples:
        return [(_labels(block), value(messages.counters)) for block, messages in running().parts.caches]

    def types(success: Callable[[MessageCache], int], denial: Callable[[MessageCache], int]) -> Samples:
        for block, messages in running().parts.caches:
            server, zones, view = _labels(block)
            yield (server, "success", zones, view), success(messages)
            yield (server, "denial", zones, view), denial(messages)

    def hits() -> Samples:
        found: Counter[tuple[str, ...]] = Counter()
        for labels, count in types(
            lambda messages: messages.counters.success_hits, lambda messages: messages.counters.denial_hits
        ):
            found[tuple(labels)] += int(count)
        for (server, zones, view), is_denial, count in _packet_cache_hits(running()):
            found[server, "denial" if is_denial else "success", zones, view] += count
        return found.items()

    def requests() -> Samples:
        found: Counter[tuple[str, ...]] = Counter()
        for labels, count in counts(lambda counters: counters.requests):
            found[tuple(labels)] += int(count)
        for labels, _, count in _packet_cache_hits(running()):
            found[labels] += count
        return found.items()

    return [
        Source(
            "gauge",
            "coredns_cache_entries",
            "Answers that are kept.",
            _CACHE_TYPES,
            lambda: types(lambda messages: messages.success_entries, lambda messages: messages.denial_entries),
        ),
        Source("counter", "coredns_cache_requests_total", "Questions to the cache.", _CACHE, requests),
        Source("counter", "coredns_cache_hits_total", "Questions that the cache had an answer to.", _CACHE_TYPES, hits),
        Source(
            "counter",
            "coredns_cache_misses_total",
            "Questions that the cache had no answer to.",
            _CACHE,
            lambda: counts(lambda counters: counters.misses),
        ),
        Source(
            "counter",
            "coredns_cache_prefetch_total",
            "Questions asked again before their answer expired.",
            _CACHE,
            lambda: counts(lambda counters: counters.prefetches),
        ),
        Source(
            "counter",
            "coredns_cache_drops_total",
            "Answers that were not kept because they were to another question than was asked.",
            _CACHE,
            lambda: counts(lambda counters: counters.drops),
        ),
        Source(
            "counter",
            "coredns_cache_served_stale_total",
            "Answers that were given although they had expired.",
            _CACHE,
            lambda: counts(lambda counters: counters.served_stale),
        ),
        Source(
            "counter",
            "coredns_cache_evictions_total",
            "Answers that made room for others.",
            _CACHE_TYPES,
            lambda: types(
                lambda messages: messages.counters.success_evictions,
                lambda messages: messages.counters.denial_evictions,
            ),
        ),
    ]


def _packet_cache_hits(assembly: Assembly) -> list[tuple[tuple[str, ...], bool, int]]:
    """Hits of the packet caches by the labels of the cache that has let the answers in, denials apart."""
    blocks = [block for block, _ in assembly.parts.caches]
    found: list[tuple[tuple[str, ...], bool, int]] = []
    for place, dispatcher in assembly.dispatchers.items():
        for exchange, tally in dispatcher.traffic.exchanges():
            block = next((block for block in blocks if block.answers(place[1], exchange.zone)), None)
            if tally.hits and block is not None:
                found.append((_labels(block._replace(place=place)), exchange.is_denial, tally.hits))
    return found


def _hosts_sources(running: Callable[[], Assembly]) -> list[Source]:
    return [
        Source(
            "gauge",
            "coredns_hosts_entries",
            "Addresses of names, in files and in the Corefile.",
            (),
            lambda: [((), sum(hosts.entries for _, hosts in running().parts.hosts))],
        ),
        Source(
            "gauge",
            "coredns_hosts_reload_timestamp_seconds",
            "When the hosts file that is in use was last changed, since 1970; 0 without one.",
            (),
            lambda: [((), max((hosts.changed_at for _, hosts in running().parts.hosts), default=0.0))],
        ),
    ]


def _autopath_sources(running: Callable[[], Assembly]) -> list[Source]:
    def sums(value: Callable[[AutopathCounters], int]) -> Samples:
        found: Counter[tuple[str, ...]] = Counter()
        for block, autopath in running().parts.autopaths:
            found[server_label(block.place),] += value(autopath.counters)
        return found.items()

    def plain() -> Samples:
        for reason, value in _PLAIN.items():
            for labels, count in sums(value):
                yield (*labels, reason), count

    return [
        Source(
            "counter",
            "coredns_autopath_success_total",
            "Search walks that found a name, at their first step or later.",
            ("server",),
            lambda: sums(lambda counters: counters.successes),
        ),
        Source(
            "counter",
            "clusterdns_autopath_queries_saved_total",
            "Questions that clients did not have to ask because the server walked their search list.",
            ("server",),
            lambda: sums(lambda counters: counters.queries_saved),
        ),
        Source(
            "counter",
            "clusterdns_autopath_walks_total",
            "Search walks that were begun.",
            ("server",),
            lambda: sums(lambda counters: counters.walks),
        ),
        Source(
            "counter",
            "clusterdns_autopath_shared_total",
            "Questions that ended where another one of the same look-up did: AAAA where A did.",
            ("server",),
            lambda: sums(lambda counters: counters.shared),
        ),
        Source(
            "counter",
            "clusterdns_autopath_remembered_total",
            "Steps of a search that found nothing, answered without being asked again.",
            ("server",),
            lambda: sums(lambda counters: counters.remembered),
        ),
        Source(
            "counter",
            "clusterdns_autopath_plain_total",
            "Questions below the zones that were answered as they were asked, by reason.",
            ("server", "reason"),
            plain,
        ),
    ]


def _event_source(
    running: Callable[[], Assembly], event: str, name: str, meaning: str, labels: tuple[str, ...]
) -> Source:
    def read() -> Samples:
        found: Counter[tuple[str, ...]] = Counter()
        for (happened, place, more), count in running().parts.events.items():
            if happened == event:
                values = (server_label(place), "", *more)
                found[values[: len(labels)]] += count
        return found.items()

    return Source("counter", f"coredns_{name}_total", meaning, labels, read)


def _labels(block: Block) -> tuple[str, str, str]:
    return server_label(block.place), block.label, ""
