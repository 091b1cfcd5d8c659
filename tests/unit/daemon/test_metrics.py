"""Metrics: plain integers in, text format out, and names that dashboards can rely on."""

from __future__ import annotations

from typing import Literal

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from clusterdns.daemon.metrics import Source, exposition, new_registry, register
from clusterdns.histogram import Histogram


class Counters:
    __slots__ = ("hits", "misses")

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0


def _samples(registry: CollectorRegistry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    _, _, body = exposition(registry)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_a_scrape_reads_the_counters_of_the_core() -> None:
    counters = {"dns://:53": Counters(), "dns://:1053": Counters()}
    registry = CollectorRegistry()
    register(
        registry,
        Source(
            "counter",
            "coredns_cache_hits_total",
            "Cache hits.",
            ("server",),
            lambda: [((server,), each.hits) for server, each in counters.items()],
        ),
        Source("gauge", "clusterdns_flights", "Open flights.", (), lambda: [((), 3)]),
    )
    counters["dns://:53"].hits += 2
    assert _samples(registry) == {
        ("coredns_cache_hits_total", (("server", "dns://:53"),)): 2,
        ("coredns_cache_hits_total", (("server", "dns://:1053"),)): 0,
        ("clusterdns_flights", ()): 3,
    }
    counters["dns://:53"].hits += 1
    assert _samples(registry)["coredns_cache_hits_total", (("server", "dns://:53"),)] == 3


def test_exposition_is_the_text_format() -> None:
    registry = CollectorRegistry()
    register(registry, Source("counter", "coredns_panics_total", "Panics.", (), lambda: [((), 1)]))
    assert exposition(registry) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
        b"# HELP coredns_panics_total Panics.\n# TYPE coredns_panics_total counter\ncoredns_panics_total 1.0\n",
    )


def test_a_histogram_cumulates_and_writes_bounds_as_go_does() -> None:
    histogram = Histogram((0.00025, 1, 1023, 16000))
    for value in (0.0001, 0.5, 1, 20000):
        histogram.add(value)
    registry = CollectorRegistry()
    register(
        registry,
        Source("histogram", "coredns_x_seconds", "X.", ("server",), lambda: [(("dns://:53",), histogram)]),
    )
    assert exposition(registry)[2].decode().splitlines() == [
        "# HELP coredns_x_seconds X.",
        "# TYPE coredns_x_seconds histogram",
        'coredns_x_seconds_bucket{le="0.00025",server="dns://:53"} 1.0',
        'coredns_x_seconds_bucket{le="1",server="dns://:53"} 3.0',
        'coredns_x_seconds_bucket{le="1023",server="dns://:53"} 3.0',
        'coredns_x_seconds_bucket{le="16000",server="dns://:53"} 3.0',
        'coredns_x_seconds_bucket{le="+Inf",server="dns://:53"} 4.0',
        'coredns_x_seconds_sum{server="dns://:53"} 20001.5001',
        'coredns_x_seconds_count{server="dns://:53"} 4.0',
    ]


def test_new_registry_has_build_info_and_the_process() -> None:
    samples = _samples(new_registry("nodelocal", "0.1.0"))
    (info,) = [labels for name, labels in samples if name == "clusterdns_build_info"]
    assert ("program", "nodelocal") in info
    assert ("version", "0.1.0") in info
    assert samples["process_cpu_seconds_total", ()] >= 0


def test_the_same_name_twice_is_refused() -> None:
    registry = CollectorRegistry()
    register(registry, Source("counter", "coredns_panics_total", "Panics.", (), list))
    with pytest.raises(ValueError, match="coredns_panics"):
        register(registry, Source("counter", "coredns_panics_total", "Panics.", (), list))


def test_label_values_must_match_the_labels() -> None:
    registry = CollectorRegistry()
    register(registry, Source("gauge", "clusterdns_x", "X.", ("a", "b"), lambda: [(("1",), 1.0)]))
    with pytest.raises(ValueError, match="shorter"):
        exposition(registry)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("counter", "coredns_nodecache_setup_errors_total"),
        ("counter", "external_dns_source_errors_total"),
        ("gauge", "clusterdns_kube_last_event_age_seconds"),
        ("gauge", "coredns_cache_entries"),
    ],
)
def test_good_names(kind: Literal["counter", "gauge", "histogram"], name: str) -> None:
    assert Source(kind, name, "help", (), list).name == name


@pytest.mark.parametrize(
    ("kind", "name", "help"),
    [
        ("counter", "nodelocal_hits_total", "help"),
        ("counter", "coredns_hits", "help"),
        ("gauge", "coredns_entries_total", "help"),
        ("histogram", "coredns_seconds_total", "help"),
        ("gauge", "clusterdns_age_ms", "help"),
        ("counter", "clusterdns_sent_kb_total", "help"),
        ("gauge", "clusterdns_age_seconds", ""),
    ],
)
def test_bad_names_are_refused(kind: Literal["counter", "gauge", "histogram"], name: str, help: str) -> None:
    with pytest.raises(ValueError, match=name):
        Source(kind, name, help, (), list)
