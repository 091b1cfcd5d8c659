"""The metrics of several processes as those of one server: sums, as a scrape of one process would have been one."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.parser import text_string_to_metric_families

LARGEST = frozenset(
    {
        "clusterdns_build_info", "clusterdns_forward_upstream_down", "clusterdns_kubernetes_watch_silence_seconds",
        "coredns_build_info", "coredns_hosts_entries", "coredns_hosts_reload_timestamp_seconds",
        "coredns_plugin_enabled", "coredns_reload_version_info", "process_max_fds", "process_start_time_seconds"
    }
)  # fmt: skip
"""Gauges of which each process has the same, or of which the largest matters; all others are added up."""

_COUNTED = frozenset({"counter", "histogram"})

Series = tuple[str, tuple[tuple[str, str], ...]]
"""The name of a sample and its labels."""


class MergedMetrics:
    """Expositions (text format 0.0.4) added up. What a process that has ended had counted goes on to be counted."""

    def __init__(self) -> None:
        self._gone: dict[str, Metric] = {}

    def bury(self, text: str) -> None:
        """The last exposition of a process that has ended: its counts stay, what it had has gone with it."""
        counted = [family for family in text_string_to_metric_families(text) if family.type in _COUNTED]
        self._gone = _add([*self._gone.values(), *counted])

    def exposition(self, texts: Iterable[str]) -> tuple[int, str, bytes]:
        """Status, content type and body of a scrape, from the expositions of the processes that there are."""
        families = [family for text in texts for family in text_string_to_metric_families(text)]
        merged = _Families(_add([*self._gone.values(), *families]).values())
        return 200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(merged)


class _Families:
    """What `generate_latest` needs of a registry."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _add(families: Iterable[Metric]) -> dict[str, Metric]:
    found: dict[str, tuple[Metric, dict[Series, float]]] = {}
    for family in families:
        if family.name not in found:
            found[family.name] = family, {}
        values = found[family.name][1]
        for sample in family.samples:
            series = sample.name, tuple(sample.labels.items())
            if series not in values:
                values[series] = sample.value
            elif family.name in LARGEST:
                values[series] = max(values[series], sample.value)
            else:
                values[series] += sample.value
    merged = {}
    for name, (family, values) in found.items():
        merged[name] = Metric(name, family.documentation, family.type)
        for (sample_name, labels), value in values.items():
            merged[name].add_sample(sample_name, dict(labels), value)
    return merged
