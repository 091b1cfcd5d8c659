"""Prometheus metrics, read from plain counters when somebody scrapes.

The core counts in plain integers on objects of its own and knows nothing of Prometheus, so that counting costs the hit
path one addition. A program describes each family once, as a `Source` whose `read` looks at those integers; nothing is
computed between scrapes. Names: https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import itertools
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from clusterdns.histogram import Histogram

# What dashboards of the replaced programs ask for, and our own.
_PREFIXES = ("coredns_", "external_dns_", "clusterdns_")
_NOT_BASE_UNITS = {"ms", "us", "ns", "milliseconds", "microseconds", "nanoseconds", "minutes", "hours", "days"} | {
    "kb", "mb", "gb", "kib", "mib", "gib", "kilobytes", "megabytes", "percent"
}  # fmt: skip

Samples = Iterable[tuple[Sequence[str], float]]
Distributions = Iterable[tuple[Sequence[str], Histogram]]


@dataclass(frozen=True, slots=True)
class Source:
    """One metric family: `read` is called at each scrape and yields (label values, value), one for each series.

    The value of the series of a histogram, or of a summary without quantiles, is a `Histogram`. "unknown" is a
    counter whose name, by others' choice, does not end as one.

    `name` is what dashboards see: with its prefix, in base units (seconds, bytes), a counter's with `_total`;
    ValueError otherwise.
    """

    kind: Literal["counter", "gauge", "histogram", "summary", "unknown"]
    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[], Samples | Distributions]

    def __post_init__(self) -> None:
        words = self.name.split("_")
        if not self.name.startswith(_PREFIXES):
            raise ValueError(f"{self.name} starts with none of {', '.join(_PREFIXES)}")
        if (words[-1] == "total") != (self.kind == "counter"):
            raise ValueError(f"{self.name}: counters, and nothing else, end in _total")
        if wrong := _NOT_BASE_UNITS.intersection(words):
            raise ValueError(f"{self.name}: {wrong.pop()} is no base unit; use seconds, bytes or a ratio")
        if not self.help:
            raise ValueError(f"{self.name} has no help text")

    def family(self) -> Metric:
        """The family with no samples yet."""
        if self.kind == "counter":
            return CounterMetricFamily(self.name, self.help, labels=self.labels)
        if self.kind == "histogram":
            return HistogramMetricFamily(self.name, self.help, labels=self.labels)
        if self.kind == "summary":
            return SummaryMetricFamily(self.name, self.help, labels=self.labels)
        if self.kind == "unknown":
            return UnknownMetricFamily(self.name, self.help, labels=self.labels)
        return GaugeMetricFamily(self.name, self.help, labels=self.labels)


class _Sources(Collector):
    def __init__(self, sources: tuple[Source, ...]) -> None:
        self._sources = sources

    def describe(self) -> Iterable[Metric]:
        return [source.family() for source in self._sources]

    def collect(self) -> Iterable[Metric]:
        for source in self._sources:
            family = source.family()
            for values, value in source.read():
                labels = dict(zip(source.labels, values, strict=True))
                if isinstance(value, Histogram) and source.kind == "summary":
                    family.add_sample(f"{family.name}_count", labels, sum(value.counts))
                    family.add_sample(f"{family.name}_sum", labels, value.total)
                elif isinstance(value, Histogram):
                    _add_histogram(family, labels, value)
                else:
                    family.add_sample(source.name, labels, value)
            yield family


def _add_histogram(family: Metric, labels: dict[str, str], histogram: Histogram) -> None:
    """Cumulated counts, with bounds written as Go does: `le="1023"`, not `1023.0`."""
    bounds = [*(f"{bound:g}" for bound in histogram.bounds), "+Inf"]
    for bound, count in zip(bounds, itertools.accumulate(histogram.counts), strict=True):
        family.add_sample(f"{family.name}_bucket", {**labels, "le": bound}, count)
    family.add_sample(f"{family.name}_sum", labels, histogram.total)
    family.add_sample(f"{family.name}_count", labels, count)


def new_registry(program: str, version: str) -> CollectorRegistry:
    """A registry with the process's own metrics (`process_*`) and `clusterdns_build_info`."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    values = (program, version, platform.python_version())
    register(
        registry,
        Source(
            "gauge",
            "clusterdns_build_info",
            "Always 1; the labels say what runs.",
            ("program", "version", "python"),
            lambda: [(values, 1.0)],
        ),
    )
    return registry


def register(registry: CollectorRegistry, *sources: Source) -> None:
    """Show `sources` at each scrape; ValueError if a name is there already."""
    registry.register(_Sources(sources))


def exposition(registry: CollectorRegistry) -> tuple[int, str, bytes]:
    """Status, content type and body of a scrape: the text format 0.0.4, which every Prometheus reads."""
    return 200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)
