"""What externaldns counts, under ExternalDNS's metric names.

The controller writes plain numbers here; Prometheus reads them when it scrapes. Durations since 1970 are wall-clock
seconds. Names and labels: ExternalDNS's docs/monitoring/metrics.md.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import metadata

from prometheus_client import CollectorRegistry, Gauge

from clusterdns.daemon.metrics import Samples, Source, register
from externaldns.changes import ChangeResult
from externaldns.record import Endpoint


@dataclass(slots=True)
class Measurements:
    """The numbers of one process. Counters only grow; everything else is about the last run."""

    last_sync: float = 0.0
    """When a run last succeeded."""
    last_reconcile: float = 0.0
    """When a run that changed something last succeeded."""
    consecutive_errors: int = 0
    last_error: str = ""
    """Why the last run failed; "" if it did not."""
    no_op_runs: int = 0
    source_errors: int = 0
    registry_errors: int = 0
    failed_names: int = 0
    """Names whose change was tried and failed, over all runs."""
    source_endpoints: int = 0
    registry_endpoints: int = 0
    source_records: Counter[str] = field(default_factory=Counter)
    registry_records: Counter[str] = field(default_factory=Counter)
    verified_records: Counter[str] = field(default_factory=Counter)
    """Wanted records that the zone already has, by type."""
    skipped: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """Changes left out in the last run, by (record type, owner, foreign owner, zone)."""
    invalid: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Endpoints that can't be DNS records, by (record type, source)."""
    duplicates: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Endpoints that say nothing that another one does not, by (record type, source)."""
    unowned: int = 0
    """Wanted records that are there already, of nobody, as of the last full run."""
    deletions_waiting: int = 0
    """Deletions that the guard holds back."""
    kept: int = 0
    """Records that stay because what is asked for instead can't be a record, or because a source can't be read."""
    left_out: frozenset[str] = frozenset()
    """Sources that can't be read."""
    sources: tuple[str, ...] = ()

    reads: Counter[str] = field(default_factory=Counter)
    """How often a run looked at the provider's records: `true` where all were known already, otherwise `false`."""
    applies: int = 0
    """Batches of changes that were given to the provider."""

    def count_read(self, cached: bool) -> None:
        self.reads[str(cached).lower()] += 1

    def run_succeeded(self, wall: float, *, changed: bool) -> None:
        """A run ended at `wall` with every record as it should be."""
        self.consecutive_errors = 0
        self.last_error = ""
        self.last_sync = wall
        if changed:
            self.last_reconcile = wall
        else:
            self.no_op_runs += 1

    def count_results(self, results: Iterable[ChangeResult]) -> None:
        self.failed_names += sum(result.error is not None for result in results)


def count_types(endpoints: Iterable[Endpoint]) -> Counter[str]:
    """Return how many `endpoints` there are of each record type, named as the labels name it: in lower case."""
    return Counter(endpoint.record_type.lower() for endpoint in endpoints)


def export(registry: CollectorRegistry, measured: Measurements) -> None:
    """Show `measured` at each scrape of `registry`."""

    def one(read: Callable[[], float]) -> Callable[[], Samples]:
        return lambda: [((), read())]

    def by_type(read: Callable[[], Counter[str]]) -> Callable[[], Samples]:
        return lambda: [((record_type,), count) for record_type, count in sorted(read().items())]

    def by_labels(read: Callable[[], Counter[tuple[str, ...]]]) -> Callable[[], Samples]:
        return lambda: [(labels, count) for labels, count in sorted(read().items())]

    def gauge(name: str, help: str, labels: Sequence[str], read: Callable[[], Samples]) -> Source:
        return Source("gauge", f"external_dns_{name}", help, tuple(labels), read)

    def counter(name: str, help: str, read: Callable[[], float]) -> Source:
        return Source("counter", f"external_dns_{name}", help, (), one(read))

    python = f"python{platform.python_version()}"
    build = (metadata.version("clusterdns"), "", python, platform.system().lower(), platform.machine())
    register(
        registry,
        gauge(
            "build_info",
            "Always 1; the labels say what runs.",
            ("version", "revision", "go_version", "os", "arch"),
            lambda: [(build, 1.0)],
        ),
        gauge(
            "controller_last_sync_timestamp_seconds", "When a run last succeeded.", (), one(lambda: measured.last_sync)
        ),
        gauge(
            "controller_last_reconcile_timestamp_seconds",
            "When a run that changed something last succeeded.",
            (),
            one(lambda: measured.last_reconcile),
        ),
        gauge(
            "controller_consecutive_soft_errors",
            "Failed runs since the last good one.",
            (),
            one(lambda: measured.consecutive_errors),
        ),
        counter("controller_no_op_runs_total", "Runs that had nothing to change.", lambda: measured.no_op_runs),
        gauge(
            "controller_verified_records",
            "Wanted records that the zone has, by type.",
            ("record_type",),
            by_type(lambda: measured.verified_records),
        ),
        counter("registry_errors_total", "Runs that could not read the zone.", lambda: measured.registry_errors),
        Source(
            "unknown",
            "external_dns_provider_cache_records_calls",
            "Looks at the provider's records, by whether all of them were known.",
            ("from_cache",),
            lambda: [((cached,), measured.reads[cached]) for cached in ("false", "true")],
        ),
        Source(
            "unknown",
            "external_dns_provider_cache_apply_changes_calls",
            "Batches of changes given to the provider.",
            (),
            one(lambda: measured.applies),
        ),
        gauge(
            "registry_records",
            "Records in the zone, by type.",
            ("record_type",),
            by_type(lambda: measured.registry_records),
        ),
        gauge(
            "registry_skipped_records_owner_mismatch_per_sync",
            "Changes left out in the last run because the record is somebody else's.",
            ("record_type", "owner", "foreign_owner", "domain"),
            by_labels(lambda: measured.skipped),  # type: ignore[arg-type, return-value]
        ),
        counter("source_errors_total", "Runs refused because a store was not synced.", lambda: measured.source_errors),
        gauge(
            "source_records",
            "Records wanted, by type.",
            ("record_type",),
            by_type(lambda: measured.source_records),
        ),
        gauge(
            "source_deduplicated_endpoints",
            "Wanted records that another object wants as well.",
            ("record_type", "source_type"),
            by_labels(lambda: measured.duplicates),  # type: ignore[arg-type, return-value]
        ),
        gauge(
            "source_invalid_endpoints",
            "Wanted records that can't be DNS records.",
            ("record_type", "source_type"),
            by_labels(lambda: measured.invalid),  # type: ignore[arg-type, return-value]
        ),
        Source(
            "gauge",
            "clusterdns_externaldns_unowned_records",
            "Wanted records that are there already and that nobody owns.",
            (),
            one(lambda: measured.unowned),
        ),
        Source(
            "gauge",
            "clusterdns_externaldns_deletions_waiting",
            "Deletions that the guard holds back.",
            (),
            one(lambda: measured.deletions_waiting),
        ),
        Source(
            "gauge",
            "clusterdns_externaldns_records_kept",
            "Records that stay because what is asked for instead is a mistake, or because their source can't be read.",
            (),
            one(lambda: measured.kept),
        ),
        Source(
            "gauge",
            "clusterdns_externaldns_source_left_out",
            "1 for a source that can't be read, whose records stay as they are; otherwise 0.",
            ("source_type",),
            lambda: [((name,), float(name in measured.left_out)) for name in measured.sources],
        ),
        Source(
            "counter",
            "clusterdns_externaldns_failed_names_total",
            "Names whose change was tried and failed.",
            (),
            one(lambda: measured.failed_names),
        ),
    )
    # ExternalDNS calls these two gauges "_total", which our own metrics must not do.
    for name, help, read in (
        ("source_endpoints_total", "Endpoints in all sources.", lambda: measured.source_endpoints),
        ("registry_endpoints_total", "Endpoints in the zone.", lambda: measured.registry_endpoints),
    ):
        Gauge(f"external_dns_{name}", help, registry=registry).set_function(read)
