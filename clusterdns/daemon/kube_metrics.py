"""The metrics of watches of API servers: CoreDNS's names for requests and for DNS programming latency, ours for state.

Names, labels and buckets: CoreDNS's README of `kubernetes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from prometheus_client import CollectorRegistry

from clusterdns.daemon.metrics import Distributions, Samples, Source, register
from clusterdns.histogram import Histogram
from clusterdns.kube.requests import RequestCounters
from clusterdns.kube.watcher import ClusterWatch, WatchState

_METHOD = "GET"
_PREFIX = "coredns_kubernetes_rest_client"


def register_kube_metrics(
    registry: CollectorRegistry,
    watches: Callable[[], Iterable[ClusterWatch]],
    programming: Callable[[], Iterable[Histogram]],
) -> None:
    """Show how `watches` are, and what `programming` has measured: the time from a change to its being in DNS."""
    register(registry, *_request_sources(watches), *_state_sources(watches), _programming_source(programming))


def _request_sources(watches: Callable[[], Iterable[ClusterWatch]]) -> list[Source]:
    def distributions(of: Callable[[RequestCounters], dict[str, Histogram]]) -> Distributions:
        found: dict[tuple[str, str], Histogram] = {}
        for watch in watches():
            for host, histogram in of(watch.requests).items():
                found.setdefault((_METHOD, host), Histogram(histogram.bounds)).merge(histogram)
        return found.items()

    def answers() -> Samples:
        found: dict[tuple[str, str, str], int] = {}
        for watch in watches():
            for (code, host), count in watch.requests.answers.items():
                found[_METHOD, code, host] = found.get((_METHOD, code, host), 0) + count
        return found.items()

    return [
        Source(
            "histogram",
            f"{_PREFIX}_request_duration_seconds",
            "How long the API server took to begin its answer.",
            ("verb", "host"),
            lambda: distributions(lambda requests: requests.durations),
        ),
        Source(
            "histogram",
            f"{_PREFIX}_rate_limiter_duration_seconds",
            "How long requests waited for `apiserver_qps` and `apiserver_max_inflight`.",
            ("verb", "host"),
            lambda: distributions(lambda requests: requests.waits),
        ),
        Source(
            "counter",
            f"{_PREFIX}_requests_total",
            "Requests to the API server by the code of the answer, `<error>` where there was none.",
            ("method", "code", "host"),
            answers,
        ),
    ]


def _state_sources(watches: Callable[[], Iterable[ClusterWatch]]) -> list[Source]:
    def source(kind: Literal["gauge", "counter"], name: str, text: str, value: Callable[[WatchState], float]) -> Source:
        def read() -> Samples:
            return [((state.host, state.resource), value(state)) for watch in watches() for state in watch.states()]

        return Source(kind, name, text, ("host", "resource"), read)

    return [
        source(
            "gauge",
            "clusterdns_kubernetes_watch_silence_seconds",
            "Since the API server last said anything about a resource; it says something once a minute or so.",
            lambda state: state.silence,
        ),
        source(
            "counter",
            "clusterdns_kubernetes_lists_total",
            "Whole lists of a resource: every hour or two, and where the API server did not know our version any more.",
            lambda state: state.lists,
        ),
        source(
            "gauge",
            "clusterdns_kubernetes_unreadable_objects",
            "Objects that the API server has and we can't read: what was last known of them stays in use.",
            lambda state: state.unreadable,
        ),
    ]


def _programming_source(programming: Callable[[], Iterable[Histogram]]) -> Source:
    def read() -> Distributions:
        found: Histogram | None = None
        for histogram in programming():
            found = found or Histogram(histogram.bounds)
            found.merge(histogram)
        return [] if found is None else [(("headless_with_selector",), found)]

    return Source(
        "histogram",
        "coredns_kubernetes_dns_programming_duration_seconds",
        "From the change of a pod of a headless Service to its being in DNS; the clock of the change is another one.",
        ("service_kind",),
        read,
    )
